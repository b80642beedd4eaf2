//! Plots as SVG, by hand: a line for the loss, points with intervals for rates.

/// A curve of losses over steps.
pub(crate) fn losses(title: &str, losses: &[f64]) -> String {
    let most = losses.iter().copied().fold(0.1, f64::max);
    let step = 560.0 / (losses.len().max(2) - 1) as f64;
    let points: Vec<String> = losses
        .iter()
        .enumerate()
        .map(|(at, loss)| {
            format!(
                "{:.1},{:.1}",
                60.0 + at as f64 * step,
                260.0 - 220.0 * loss / most
            )
        })
        .collect();
    let axis = format!(
        "<text x=\"8\" y=\"44\">{most:.2}</text><text x=\"40\" y=\"264\">0</text><text x=\"560\" y=\"284\">step {}</text>",
        losses.len()
    );
    frame(
        title,
        &format!(
            "{axis}<polyline points=\"{}\" fill=\"none\" stroke=\"#1f7a55\" stroke-width=\"2\"/>",
            points.join(" ")
        ),
    )
}

/// A share with its interval.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) label: String,
    pub(crate) share: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Points of one kind share a colour.
    pub(crate) kind: usize,
}

/// Shares beside each other.
pub(crate) fn shares(title: &str, points: &[Point]) -> String {
    const COLOURS: [&str; 3] = ["#1f7a55", "#6f8fc2", "#b3402f"];
    let step = 560.0 / points.len().max(1) as f64;
    let height = |share: f64| 260.0 - 220.0 * share;
    let mut body = String::new();
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = height(share);
        body.push_str(&format!(
            "<line x1=\"56\" x2=\"624\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dbe2df\"/><text x=\"12\" y=\"{:.1}\">{:.0} %</text>",
            y + 4.0,
            100.0 * share
        ));
    }
    for (at, point) in points.iter().enumerate() {
        let x = 60.0 + (at as f64 + 0.5) * step;
        let colour = COLOURS[point.kind % COLOURS.len()];
        body.push_str(&format!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-width=\"2\"/><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/><text x=\"{x:.1}\" y=\"284\" text-anchor=\"middle\" font-size=\"10\">{}</text>",
            height(point.low),
            height(point.high),
            height(point.share),
            crate::report_html::escape(&point.label)
        ));
    }
    frame(title, &body)
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 300\" font-family=\"system-ui, sans-serif\" font-size=\"12\"><rect width=\"640\" height=\"300\" fill=\"#fbfcfb\"/><text x=\"60\" y=\"20\" font-size=\"14\">{}</text>{body}</svg>\n",
        crate::report_html::escape(title)
    )
}
