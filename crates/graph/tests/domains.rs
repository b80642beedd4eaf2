//! The crate through its front door: tools in, domains out.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;

use practicum_graph::{
    Embedder, Graph, Mode, Operation, Options, Quality, Stage, ToolNode, Vectors, domains,
    domains_of,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// `verb path (required, inputs) -> entity {fields}` as a tool.
fn tool(provider: &str, line: &str) -> ToolNode {
    let (call, reply) = line.split_once(" -> ").unwrap_or((line, ""));
    let (name, call) = call.split_once(' ').unwrap();
    let (path, inputs) = call.split_once(" (").unwrap();
    let fields = |text: &str| -> Value {
        let names = text
            .split([',', ' ', ')', '{', '}'])
            .filter(|name| !name.is_empty());
        names
            .map(|name| (name.to_owned(), json!({"type": "string"})))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let properties = fields(inputs);
    let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
    let input = json!({"type": "object", "properties": properties, "required": required});
    let output = reply
        .split_once(' ')
        .map(|(entity, names)| json!({"x-entity": entity, "properties": fields(names)}));
    ToolNode::from_schemas(&Operation {
        id: &format!("{provider}#{name}"),
        provider,
        api: "v1",
        name,
        path: Some(path),
        input: &input,
        output: output.as_ref(),
        categories: &[provider.rsplit('.').next().unwrap().to_owned()],
    })
}

fn world() -> Vec<ToolNode> {
    let mut tools = Vec::new();
    let mut add = |provider: &str, lines: &str| {
        tools.extend(
            lines
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(|line| tool(provider, line)),
        );
    };
    add(
        "shop.example.com",
        "listOrders /orders () -> Order {id, customerId, total, status}
         getOrder /orders/{id} (id) -> Order {id, customerId, total, status}
         createOrder /orders (customerId, productId) -> Order {id, customerId, total, status}
         cancelOrder /orders/{id}/cancel (id) -> Order {id, customerId, total, status}
         listCustomers /customers () -> Customer {id, email, lastName}
         getCustomer /customers/{id} (id) -> Customer {id, email, lastName}
         history /customers/{customerId}/orders (customerId) -> Order {id, customerId, total}
         listProducts /products () -> Product {id, sku, price, stock}
         getProduct /products/{id} (id) -> Product {id, sku, price, stock}
         getHealth /health () -> ",
    );
    add(
        "calendar.example.org",
        "listCalendars /calendars () -> Calendar {id, summary, timezone, color}
         getCalendar /calendars/{id} (id) -> Calendar {id, summary, timezone, color}
         listEvents /calendars/{calendarId}/events (calendarId) -> Event {id, attendees, start}
         createEvent /calendars/{calendarId}/events (calendarId, start) -> Event {id, attendees}
         moveEvent /calendars/{calendarId}/events/{id}/move (calendarId, id) -> Event {id, start}
         deleteEvent /calendars/{calendarId}/events/{id} (calendarId, id)",
    );
    for city in ["oslo", "lima", "pune", "bern", "kyiv"] {
        add(
            &format!("{city}-sky.example.net"),
            "forecast /forecast (latitude, longitude) -> Forecast {temperature, humidity}",
        );
    }
    let nothing = Operation {
        id: "void#",
        provider: "void",
        api: "",
        name: "",
        path: None,
        input: &Value::Null,
        output: None,
        categories: &[],
    };
    tools.push(ToolNode::from_schemas(&nothing));
    tools
}

fn options(mode: Mode) -> Options {
    Options {
        mode,
        min_size: 4,
        target_size: 8,
        max_size: 12,
        ..Options::default()
    }
}

fn shown(tools: &[ToolNode], graph: &Graph) -> String {
    let mut text = String::new();
    for domain in &graph.domains {
        let names: Vec<&str> = domain
            .tools
            .iter()
            .map(|tool| tools[*tool].name.as_str())
            .collect();
        writeln!(text, "{}\n    {}", domain.name, names.join(" ")).unwrap();
    }
    for (tool, reason) in &graph.set_aside {
        writeln!(text, "{reason:?}: {}", tools[*tool].id).unwrap();
    }
    let quality = &graph.quality;
    let inputs = &quality.inputs;
    writeln!(text, "inputs {}/{}", inputs.inputs_met, inputs.inputs).unwrap();
    let aside =
        quality.set_aside.no_content + quality.set_aside.no_neighbour + quality.set_aside.too_few;
    assert_eq!(quality.placed + aside, tools.len());
    text
}

#[test]
fn people_would_call_these_domains() {
    let tools = world();
    let graph = domains(&tools, &options(Mode::Communities), &mut |_| ());
    insta::assert_snapshot!(shown(&tools, &graph), @r"
    example-order-customer
        listOrders getOrder createOrder cancelOrder listCustomers getCustomer history listProducts getProduct
    example-calendar-event
        listCalendars getCalendar listEvents createEvent moveEvent deleteEvent
    mixed-forecast
        forecast forecast forecast forecast forecast
    NoNeighbour: shop.example.com#getHealth
    NoContent: void#
    inputs 15/26
    ");
}

#[test]
fn the_baseline_is_one_domain_per_spec() {
    let tools = world();
    let graph = domains(&tools, &options(Mode::Provider), &mut |_| ());
    insta::assert_snapshot!(shown(&tools, &graph), @r"
    example-order-customer
        listOrders getOrder createOrder cancelOrder listCustomers getCustomer history listProducts getProduct getHealth
    example-calendar-event
        listCalendars getCalendar listEvents createEvent moveEvent deleteEvent
    TooFew: oslo-sky.example.net#forecast
    TooFew: lima-sky.example.net#forecast
    TooFew: pune-sky.example.net#forecast
    TooFew: bern-sky.example.net#forecast
    TooFew: kyiv-sky.example.net#forecast
    TooFew: void#
    inputs 15/26
    ");
    assert_eq!(graph.quality.resolution, None);
    assert!((graph.quality.providers.purity - 1.0).abs() < 1e-12);
    assert!((graph.quality.categories.purity - 1.0).abs() < 1e-12);
}

#[test]
fn threads_change_nothing() {
    let mut tools = Vec::new();
    for provider in 0..40 {
        for copy in world() {
            tools.push(ToolNode {
                provider: format!("{}-{}", copy.provider, provider % 7),
                api: provider.to_string(),
                ..copy
            });
        }
    }
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| domains(&tools, &Options::default(), &mut |_| ()))
    };
    let (one, two) = (on(1), on(2));
    assert_eq!(one, two);
    assert!(one.domains.len() > 5);
}

#[test]
fn progress_goes_through_the_stages() {
    let mut stages = Vec::new();
    domains(&world(), &Options::default(), &mut |progress| {
        assert!(progress.done <= progress.total);
        if stages.last() != Some(&progress.stage) {
            stages.push(progress.stage);
        }
    });
    assert_eq!(
        stages,
        [Stage::Embedding, Stage::Searching, Stage::Clustering]
    );
}

#[test]
fn any_embedder_will_do() {
    struct ByNameLength;
    impl Embedder for ByNameLength {
        fn embed(&self, tools: &[ToolNode]) -> Vectors {
            let values = tools.iter().flat_map(|tool| {
                if tool.name.len() % 2 == 0 {
                    [1.0, 0.0]
                } else {
                    [0.0, 1.0]
                }
            });
            Vectors::new(2, values.collect())
        }
    }
    let tools = world();
    let plain = Options {
        affinity: 0.0,
        flow: 0.0,
        min_size: 2,
        ..Options::default()
    };
    let graph = domains_of(&tools, &ByNameLength.embed(&tools), &plain, &mut |_| ());
    assert_eq!(graph.domains.len(), 2);
    // Vectors that are too few, or no numbers at all, set their tools aside.
    let broken = Vectors::new(2, vec![1.0, 0.0, 1.0, 0.0, f32::NAN, 1.0]);
    let graph = domains_of(&tools, &broken, &plain, &mut |_| ());
    assert_eq!(
        (graph.domains.len(), graph.quality.set_aside.no_content),
        (1, tools.len() - 2)
    );
}

#[test]
fn nothing_in_nothing_out() {
    for mode in [Mode::Communities, Mode::Provider] {
        let graph = domains(&[], &options(mode), &mut |_| ());
        assert!(graph.domains.is_empty() && graph.edges.is_empty() && graph.set_aside.is_empty());
        assert_eq!(graph.quality.tools, 0);
    }
}

#[test]
fn a_thousand_twins_are_split_evenly() {
    let tools = vec![
        tool(
            "shop.example.com",
            "getOrder /orders/{id} (id) -> Order {id, total}"
        );
        1000
    ];
    let graph = domains(&tools, &Options::default(), &mut |_| ());
    assert_eq!(graph.quality.placed, 1000);
    assert!(graph.quality.sizes.max <= 64);
    assert_eq!(graph.quality.graph.capped_tools, 1000);
    assert_eq!(graph.quality.graph.distinct_vectors, 1);
}

#[test]
fn options_and_quality_are_serde() {
    let options: Options =
        serde_json::from_value(json!({"mode": "provider", "tau": 0.25})).unwrap();
    assert_eq!(
        (options.mode, options.tau, options.max_size),
        (Mode::Provider, 0.25, Options::default().max_size)
    );
    assert!(serde_json::from_value::<Options>(json!({"tua": 0.25})).is_err());
    let quality = domains(&world(), &Options::default(), &mut |_| ()).quality;
    let text = serde_json::to_string(&quality).unwrap();
    assert_eq!(serde_json::from_str::<Quality>(&text).unwrap(), quality);
}

fn any_tool() -> impl Strategy<Value = ToolNode> {
    let noun = prop::sample::select(vec![
        "order",
        "user",
        "item",
        "page",
        "list",
        "\u{7528}\u{6237}",
    ]);
    let field = prop::sample::select(vec![
        "id", "order_id", "userId", "name", "limit", "price", "note",
    ]);
    let fields = || prop::collection::vec(field.clone(), 0..4);
    (0..4_u8, 0..3_u8, noun, fields(), fields()).prop_map(
        |(provider, api, noun, inputs, outputs)| {
            let line = format!(
                "get /v1/{noun}s/{{id}} ({}) -> {noun} {{{}}}",
                inputs.join(","),
                outputs.join(",")
            );
            ToolNode {
                api: api.to_string(),
                ..tool(&format!("p{provider}.com"), &line)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_tool_is_somewhere_once(
        tools in prop::collection::vec(any_tool(), 0..90),
        provider_mode in any::<bool>(),
        min_size in 1_usize..6,
        more in 0_usize..30,
        tau in 0.0_f32..1.0,
    ) {
        let options = Options {
            mode: if provider_mode { Mode::Provider } else { Mode::Communities },
            tau,
            min_size,
            target_size: min_size + more / 2,
            max_size: min_size + more,
            max_neighbours: 8,
            ..Options::default()
        };
        let graph = domains(&tools, &options, &mut |_| ());
        let placed = graph.domains.iter().flat_map(|domain| domain.tools.clone());
        let mut seen: Vec<usize> = placed.collect();
        seen.extend(graph.set_aside.iter().map(|(tool, _)| *tool));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..tools.len()).collect::<Vec<_>>());
        let mut names = Vec::new();
        for domain in &graph.domains {
            prop_assert!((min_size..=min_size + more).contains(&domain.tools.len()));
            prop_assert!(domain.tools.is_sorted());
            let shares: usize = domain.providers.iter().map(|share| share.tools).sum();
            prop_assert_eq!(shares, domain.tools.len());
            let plain = |letter: char| letter == '-' || letter.is_ascii_alphanumeric();
            let lower = domain.name.to_lowercase() == domain.name;
            prop_assert!(lower && domain.name.chars().all(plain), "{}", domain.name);
            prop_assert!(!domain.name.is_empty());
            names.push(domain.name.clone());
        }
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(names.len(), graph.domains.len());
        for pair in graph.edges.windows(2) {
            prop_assert!((pair[0].a, pair[0].b) < (pair[1].a, pair[1].b));
        }
        for edge in &graph.edges {
            prop_assert!(edge.a < edge.b && edge.similarity > tau - 1e-6 && edge.similarity <= 1.0);
        }
    }
}
