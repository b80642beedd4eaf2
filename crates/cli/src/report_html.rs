//! `report.html`: one file, no scripts, everything from outside escaped.

use std::collections::BTreeMap;

use practicum_chat::Role;
use practicum_rollout::Trajectory;
use practicum_world::World;

use crate::stages::report::RunReport;

const STYLE: &str = "
:root { --ink: #1c2321; --soft: #5d6b66; --line: #dbe2df; --paper: #fbfcfb; --tint: #eef4f1; --good: #1f7a55; --bad: #b3402f; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; padding: 2rem 1.25rem 5rem; max-width: 62rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; } p { margin: .4rem 0; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem; margin: 1.2rem 0; }
.tile { background: white; border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem .6rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top; } th { font-weight: 600; color: var(--soft); }
td.n, th.n { text-align: right; } .bar { background: var(--tint); height: .8rem; border-radius: .2rem; min-width: 1px; } .bar i { display: block; height: 100%; background: var(--good); border-radius: .2rem; }
pre, code { font: 13px/1.45 ui-monospace, monospace; } pre { background: white; border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem; overflow-x: auto; white-space: pre-wrap; word-break: break-word; margin: .4rem 0; }
details { background: white; border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem; margin: .5rem 0; } summary { cursor: pointer; font-weight: 600; }
.says { border-left: 3px solid var(--line); padding: .1rem 0 .1rem .8rem; margin: .7rem 0; } .says.user { border-color: #6f8fc2; } .says.agent { border-color: var(--good); } .says small { color: var(--soft); display: block; }
.change { color: var(--good); } .tag { background: var(--tint); border-radius: .3rem; padding: 0 .4rem; font-size: .85em; } .bad { color: var(--bad); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 0 2rem; }
";

/// The page.
pub(crate) fn page(report: &RunReport, worlds: &[World], trajectories: &[Trajectory]) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{0}: report</title><style>{STYLE}</style>\n<h1>{0}</h1><p class=\"soft\">seed {1}</p>\n",
        escape(&report.name),
        report.seed
    );
    tiles(&mut html, report);
    stages(&mut html, report);
    html.push_str("<h2>Agents</h2><p class=\"soft\">Reference agents need no model. Gold is the ceiling; the floor agents must stay near zero, or a verifier pays for nothing. The yes-man is counted where policy forbids or the world cannot do what is asked. Intervals are Wilson's at 95 %.</p>");
    agents(&mut html, report);
    html.push_str("<h2>Funnel</h2>");
    funnel(&mut html, report);
    html.push_str("<h2>Where operations went</h2><div class=\"two\">");
    counts(&mut html, "Dropped at ingest", &report.operations.dropped);
    counts(
        &mut html,
        "Left out by the compiler",
        &report.operations.uncertain,
    );
    counts(
        &mut html,
        "Domains without a world",
        &report.worlds.failed_by_reason,
    );
    counts(
        &mut html,
        "Goals that became no task",
        &report.tasks.rejected,
    );
    html.push_str("</div><h2>Sizes</h2><div class=\"two\">");
    histogram(
        &mut html,
        "Tools per world",
        &report.worlds.tools_per_world,
        5,
    );
    histogram(
        &mut html,
        "Tables per world",
        &report.worlds.tables_per_world,
        1,
    );
    histogram(&mut html, "Gold calls per task", &report.tasks.lengths, 1);
    counts(&mut html, "Tasks by kind", &report.tasks.kinds);
    html.push_str("</div>");
    html.push_str(&format!(
        "<h2>{} of {} worlds</h2>",
        worlds.len(),
        grouped(report.worlds.kept)
    ));
    for world in worlds {
        world_section(&mut html, world);
    }
    html.push_str(&format!(
        "<h2>{} of {} trajectories</h2>",
        trajectories.len(),
        grouped(report.trajectories.count)
    ));
    for trajectory in trajectories {
        trajectory_section(&mut html, trajectory);
    }
    html.push_str("</html>\n");
    html
}

/// Text from outside, safe inside HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// `12345` as `12,345`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn tiles(html: &mut String, report: &RunReport) {
    html.push_str("<div class=\"tiles\">");
    for (number, name) in [
        (grouped(report.operations.read), "operations read"),
        (grouped(report.operations.kept), "tool specs kept"),
        (grouped(report.graph.domains), "domains"),
        (grouped(report.worlds.kept), "worlds"),
        (grouped(report.tasks.proven), "tasks proven"),
        (grouped(report.trajectories.episodes), "episodes"),
        (grouped(report.trajectories.kept), "trajectories kept"),
        (
            percent(report.tasks.kill_rate_before_filter),
            "mutants killed, before the filter",
        ),
        (
            percent(report.tasks.acceptance_rate_before_filter),
            "variants accepted, before the filter",
        ),
    ] {
        html.push_str(&format!("<div class=\"tile\"><b>{number}</b>{name}</div>"));
    }
    html.push_str("</div>\n");
}

fn stages(html: &mut String, report: &RunReport) {
    let total: f64 = report.seconds.values().sum();
    html.push_str("<h2>Time</h2><table><tr><th>stage</th><th class=\"n\">seconds</th></tr>");
    for stage in crate::stages::STAGES {
        if let Some(seconds) = report.seconds.get(stage.name) {
            html.push_str(&format!(
                "<tr><td>{}</td><td class=\"n\">{seconds:.1}</td></tr>",
                stage.name
            ));
        }
    }
    html.push_str(&format!(
        "<tr><td>together</td><td class=\"n\">{total:.1}</td></tr></table>"
    ));
    if let Some(bytes) = report.peak_rss_bytes {
        html.push_str(&format!(
            "<p class=\"soft\">Wall-clock seconds of the run that made each stage; peak memory {} MiB.</p>",
            bytes >> 20
        ));
    }
}

fn agents(html: &mut String, report: &RunReport) {
    html.push_str("<table><tr><th>agent</th><th class=\"n\">passed</th><th class=\"n\">of</th><th class=\"n\">rate</th><th class=\"n\">95 %</th><th style=\"width:35%\"></th></tr>");
    for (name, agent) in &report.agents {
        html.push_str(&format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{} to {}</td><td>{}</td></tr>",
            escape(name),
            grouped(agent.passed),
            grouped(agent.tried),
            percent(agent.pass_rate),
            percent(agent.interval.0),
            percent(agent.interval.1),
            bar(agent.pass_rate)
        ));
    }
    html.push_str("</table>");
}

fn bar(share: f64) -> String {
    format!(
        "<div class=\"bar\"><i style=\"width:{:.2}%\"></i></div>",
        100.0 * share.clamp(0.0, 1.0)
    )
}

fn funnel(html: &mut String, report: &RunReport) {
    html.push_str("<table><tr><th>stage</th><th class=\"n\">entered</th><th class=\"n\">passed</th><th>held back</th></tr>");
    for stage in &report.funnel {
        let reasons: Vec<String> = stage
            .dropped
            .iter()
            .map(|(reason, count)| format!("{} {}", grouped(*count), escape(reason)))
            .collect();
        html.push_str(&format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escape(&stage.stage),
            grouped(stage.entered),
            grouped(stage.passed),
            reasons.join("; ")
        ));
    }
    html.push_str("</table>");
}

fn counts(html: &mut String, title: &str, counts: &BTreeMap<String, usize>) {
    let mut sorted: Vec<(&String, &usize)> =
        counts.iter().filter(|(_, count)| **count > 0).collect();
    sorted.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    html.push_str(&format!("<div><h3>{title}</h3>"));
    if sorted.is_empty() {
        html.push_str("<p class=\"soft\">none</p></div>");
        return;
    }
    html.push_str("<table>");
    for (name, count) in sorted {
        html.push_str(&format!(
            "<tr><td>{}</td><td class=\"n\">{}</td></tr>",
            escape(&name.replace('_', " ")),
            grouped(*count)
        ));
    }
    html.push_str("</table></div>");
}

fn histogram(html: &mut String, title: &str, counts: &BTreeMap<usize, usize>, width: usize) {
    let most = counts.values().copied().max().unwrap_or(1).max(1);
    html.push_str(&format!("<div><h3>{title}</h3><table>"));
    for (least, count) in counts {
        let label = if width > 1 {
            format!("{least}–{}", least + width - 1)
        } else {
            least.to_string()
        };
        html.push_str(&format!(
            "<tr><td>{label}</td><td style=\"width:60%\">{}</td><td class=\"n\">{}</td></tr>",
            bar(*count as f64 / most as f64),
            grouped(*count)
        ));
    }
    html.push_str("</table></div>");
}

fn world_section(html: &mut String, world: &World) {
    html.push_str(&format!(
        "<details><summary>{} <span class=\"tag\">{} tools</span> <span class=\"tag\">{} tables</span></summary><p class=\"soft\">{}: {}</p>",
        escape(&world.file().title),
        world.tools().len(),
        world.schema().tables.len(),
        escape(world.name()),
        escape(&world.file().summary)
    ));
    for table in &world.schema().tables {
        let columns: Vec<String> = table
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let key = if table.key.contains(&at) { " 🔑" } else { "" };
                let reference = table
                    .foreign_keys
                    .iter()
                    .find(|key| key.columns.contains(&at))
                    .map_or_else(String::new, |key| {
                        format!(" → {}", world.schema().tables[key.parent].name)
                    });
                format!("{}{key}{reference}", escape(&column.name))
            })
            .collect();
        html.push_str(&format!(
            "<h3>{}</h3><p>{}</p>",
            escape(&table.name),
            columns.join(", ")
        ));
    }
    html.push_str("<table><tr><th>tool</th><th></th><th>what it does</th></tr>");
    for tool in world.tools() {
        let arguments: Vec<String> = tool
            .parameters()
            .iter()
            .map(|parameter| {
                let mark = if parameter.required { "" } else { "?" };
                format!("{}{mark}", parameter.name)
            })
            .collect();
        html.push_str(&format!(
            "<tr><td><code>{}({})</code></td><td><span class=\"tag\">{}</span></td><td>{}</td></tr>",
            escape(&tool.name),
            escape(&arguments.join(", ")),
            if tool.effects.read_only { "reads" } else { "writes" },
            escape(&tool.description.chars().take(160).collect::<String>())
        ));
    }
    html.push_str("</table>");
    if !world.rules().is_empty() {
        html.push_str("<h3>Rules</h3><ul>");
        for rule in world.rules() {
            html.push_str(&format!("<li>{}</li>", escape(&rule.text)));
        }
        html.push_str("</ul>");
    }
    html.push_str("</details>\n");
}

fn trajectory_section(html: &mut String, trajectory: &Trajectory) {
    html.push_str(&format!(
        "<details open><summary>{} <span class=\"tag\">{}</span> <span class=\"tag\">{}</span> {}</summary>",
        escape(&trajectory.task),
        escape(&trajectory.kind),
        escape(&trajectory.agent),
        if trajectory.verdict.passed { "passed" } else { "<span class=\"bad\">failed</span>" }
    ));
    let mut steps = trajectory.steps.iter();
    for message in &trajectory.messages {
        match message.role {
            Role::System => html.push_str(&format!(
                "<details><summary class=\"soft\">instructions</summary><pre>{}</pre></details>",
                escape(&message.content)
            )),
            Role::User => html.push_str(&format!(
                "<div class=\"says user\"><small>user</small>{}</div>",
                escape(&message.content)
            )),
            Role::Assistant => {
                if !message.content.is_empty() {
                    html.push_str(&format!(
                        "<div class=\"says agent\"><small>agent</small>{}</div>",
                        escape(&message.content)
                    ));
                }
                for call in &message.tool_calls {
                    html.push_str(&format!(
                        "<div class=\"says agent\"><small>agent calls</small><code>{}({})</code></div>",
                        escape(&call.function.name),
                        escape(&call.function.arguments)
                    ));
                }
            }
            Role::Tool => {
                html.push_str(&format!("<pre>{}</pre>", escape(&pretty(&message.content))));
                if let Some(step) = steps.next() {
                    for change in &step.changes {
                        html.push_str(&format!(
                            "<p class=\"change\"><code>{}</code></p>",
                            escape(change)
                        ));
                    }
                }
            }
        }
    }
    let clauses: Vec<String> = trajectory
        .verdict
        .clauses
        .iter()
        .map(|clause| {
            let mark = if clause.passed { "✓" } else { "✗" };
            format!("{mark} {} {}", clause.name, clause.detail)
        })
        .collect();
    html.push_str(&format!(
        "<p class=\"soft\">{}</p></details>\n",
        escape(&clauses.join(" · "))
    ));
}

/// A reply for people: a long list is cut.
fn pretty(content: &str) -> String {
    const MOST: usize = 900;
    let text = match serde_json::from_str::<serde_json::Value>(content) {
        Ok(serde_json::Value::Array(rows)) if rows.len() > 4 => {
            let head: Vec<String> = rows.iter().take(4).map(ToString::to_string).collect();
            format!("[{},\n … {} more rows]", head.join(",\n "), rows.len() - 4)
        }
        Ok(serde_json::Value::Array(rows)) => {
            let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
            format!("[{}]", rows.join(",\n "))
        }
        _ => content.to_string(),
    };
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
