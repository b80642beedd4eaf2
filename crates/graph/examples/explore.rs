#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout
)]
use practicum_graph::*;
use std::io::BufRead;
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let get = |k: &str, d: f64| {
        a.iter()
            .find_map(|x| x.strip_prefix(&format!("{k}=")).map(|v| v.parse().unwrap()))
            .unwrap_or(d)
    };
    let t = Instant::now();
    let limit = get("limit", 1e9) as usize;
    let tools: Vec<ToolNode> = std::io::BufReader::new(std::fs::File::open(&a[1]).unwrap())
        .lines()
        .take(limit)
        .map(|l| {
            let v: serde_json::Value = serde_json::from_str(&l.unwrap()).unwrap();
            let s = |k: &str| v[k].as_str().unwrap_or("").to_owned();
            let cats: Vec<String> = v["categories"]
                .as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_str().unwrap().to_owned())
                .collect();
            ToolNode::from_schemas(&Operation {
                id: &s("id"),
                provider: &s("provider"),
                api: &s("api"),
                name: &s("name"),
                path: v["path"].as_str(),
                input: &v["input"],
                output: if v["output"].is_null() {
                    None
                } else {
                    Some(&v["output"])
                },
                categories: &cats,
            })
        })
        .collect();
    let rss = || {
        std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS"))
            .map(|l| l.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1048576.0)
            .collect::<Vec<_>>()
    };
    let cpu = || {
        let s = std::fs::read_to_string("/proc/self/stat").unwrap();
        let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
        (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
    };
    println!(
        "{} tools read {:?} fields {} rss {:?}",
        tools.len(),
        t.elapsed(),
        tools
            .iter()
            .map(|t| t.params.len() + t.outputs.len())
            .sum::<usize>(),
        rss()
    );
    let d = Options::default();
    let mut o = Options {
        tau: get("tau", d.tau as f64) as f32,
        affinity: get("aff", d.affinity as f64) as f32,
        flow: get("flow", d.flow as f64) as f32,
        max_neighbours: get("k", d.max_neighbours as f64) as usize,
        target_size: get("target", d.target_size as f64) as usize,
        min_size: get("min", d.min_size as f64) as usize,
        max_size: get("max", d.max_size as f64) as usize,
        seed: get("seed", 0.0) as u64,
        ..d
    };
    if get("res", -1.0) > 0.0 {
        o.resolution = Some(get("res", 1.0));
    }
    if a.iter().any(|x| x == "cos") {
        cosines(&tools, &Lexical::default().embed(&tools));
        return;
    }
    for mode in [Mode::Provider, Mode::Communities] {
        if a.iter().any(|x| x == "only") && mode == Mode::Provider {
            continue;
        }
        o.mode = mode;
        let (t, c) = (Instant::now(), cpu());
        let mut last = (Stage::Clustering, t, c);
        let g = domains(&tools, &o, &mut |p| {
            if p.stage != last.0 || p.done == p.total {
                if a.iter().any(|x| x == "time") {
                    println!(
                        "   {:?} {}/{} wall {:.2} cpu {:.2}",
                        p.stage,
                        p.done,
                        p.total,
                        last.1.elapsed().as_secs_f64(),
                        cpu() - last.2
                    );
                }
                last = (p.stage, Instant::now(), cpu());
            }
        });
        let q = &g.quality;
        println!(
            "== {mode:?} wall {:.2} cpu {:.2} rss {:?} hash {:?}",
            t.elapsed().as_secs_f64(),
            cpu() - c,
            rss(),
            hash(&g)
        );
        println!(
            "domains {} placed {} ({:.1}%) aside {:?} several {} sizes {} {} {} {} {} mean {:.1}",
            q.domains,
            q.placed,
            100.0 * q.placed as f64 / q.tools as f64,
            q.set_aside,
            q.several_providers,
            q.sizes.min,
            q.sizes.lower_quartile,
            q.sizes.median,
            q.sizes.upper_quartile,
            q.sizes.max,
            q.sizes.mean
        );
        println!(
            "graph {:?} res {:?} mod {:.4}",
            q.graph, q.resolution, q.modularity
        );
        let i = q.inputs;
        println!(
            "met tools {}/{} {:.1}% inputs {:.1}% ids {:.1}% | prov {:.3} {:.3} cat {:.3} {:.3}",
            i.tools_met,
            i.tools,
            100.0 * i.tools_met_share,
            100.0 * i.inputs_met as f64 / i.inputs as f64,
            100.0 * i.identifiers_met as f64 / i.identifiers as f64,
            q.providers.adjusted_mutual_information,
            q.providers.purity,
            q.categories.adjusted_mutual_information,
            q.categories.purity
        );
        if mode == Mode::Communities {
            if a.iter().any(|x| x == "names") {
                for d in &g.domains {
                    println!("{:4} {} {:?}", d.tools.len(), d.name, d.words);
                }
            }
            for w in a.iter().filter_map(|x| x.strip_prefix("find=")) {
                for d in &g.domains {
                    if d.name.contains(w) || d.tools.iter().any(|t| tools[*t].id.contains(w)) {
                        print_domain(&tools, d);
                    }
                }
            }
            let n = get("show", 0.0) as usize;
            let mut x = get("at", 1.0) as u64;
            for _ in 0..n {
                x = mix(x);
                print_domain(&tools, &g.domains[x as usize % g.domains.len()]);
            }
            if a.iter().any(|x| x == "several") {
                for d in &g.domains {
                    if d.providers.len() > 1 {
                        print_domain(&tools, d);
                    }
                }
            }
            let n = get("aside", 0.0) as usize;
            for _ in 0..n {
                x = mix(x);
                let (i, r) = g.set_aside[x as usize % g.set_aside.len()];
                let t = &tools[i];
                println!(
                    "   {r:?} {} | {} | {:?} | {:?} -> {:?}",
                    t.api,
                    t.name,
                    t.resource_hint,
                    t.params.iter().take(5).map(|f| &f.name).collect::<Vec<_>>(),
                    t.outputs
                        .iter()
                        .take(5)
                        .map(|f| &f.name)
                        .collect::<Vec<_>>()
                );
            }
        }
    }
}
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
fn hash(g: &Graph) -> u64 {
    let mut h = 0;
    for b in format!("{:?}", g).bytes() {
        h = mix(h ^ u64::from(b));
    }
    h
}
fn print_domain(tools: &[ToolNode], d: &Domain) {
    println!("--- {} ({} tools; {:?})", d.name, d.tools.len(), d.words);
    for t in &d.tools {
        let t = &tools[*t];
        println!(
            "   {} | {} | {} | {:?}",
            t.api,
            t.name,
            t.resource_hint.as_deref().unwrap_or(""),
            t.params
                .iter()
                .take(5)
                .map(|f| f.name.as_str())
                .collect::<Vec<_>>()
        );
    }
}

fn cosines(tools: &[ToolNode], v: &Vectors) {
    let rows: Vec<&[f32]> = v.rows().collect();
    let cos = |a: usize, b: usize| rows[a].iter().zip(rows[b]).map(|(x, y)| x * y).sum::<f32>();
    let mut h = std::collections::BTreeMap::<&str, Vec<f32>>::new();
    let mut x = 1u64;
    let mut rnd = |n: usize| {
        x = mix(x);
        (x >> 33) as usize % n
    };
    let mut byapi = std::collections::BTreeMap::<&str, Vec<usize>>::new();
    for (i, t) in tools.iter().enumerate() {
        byapi.entry(&t.api).or_default().push(i);
    }
    for _ in 0..400000 {
        let a = rnd(tools.len());
        let b = rnd(tools.len());
        let (ta, tb) = (&tools[a], &tools[b]);
        if ta.provider != tb.provider {
            h.entry("other provider").or_default().push(cos(a, b));
        } else if ta.api != tb.api {
            h.entry("same provider").or_default().push(cos(a, b));
        }
        let g = &byapi[ta.api.as_str()];
        let b = g[rnd(g.len())];
        let tb = &tools[b];
        if a == b {
            continue;
        }
        let k = if ta.resource_hint == tb.resource_hint {
            "same hint"
        } else if ta
            .resource_hint
            .as_deref()
            .and_then(|h| h.split('/').next())
            == tb
                .resource_hint
                .as_deref()
                .and_then(|h| h.split('/').next())
        {
            "same api, same root"
        } else {
            "same api, other root"
        };
        h.entry(k).or_default().push(cos(a, b));
    }
    for (k, mut l) in h {
        l.sort_by(f32::total_cmp);
        let q = |f: f64| l[((l.len() - 1) as f64 * f) as usize];
        let m = l.iter().sum::<f32>() / l.len() as f32;
        let sd = (l.iter().map(|x| (x - m) * (x - m)).sum::<f32>() / l.len() as f32).sqrt();
        println!(
            "{k:24} n {} p10 {:.2} p25 {:.2} p50 {:.2} p75 {:.2} p90 {:.2} p99 {:.2} p999 {:.2} mean {m:.3} sd {sd:.3}",
            l.len(),
            q(0.1),
            q(0.25),
            q(0.5),
            q(0.75),
            q(0.9),
            q(0.99),
            q(0.999)
        );
    }
}
