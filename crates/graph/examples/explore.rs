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
    let mut flags: Vec<Vec<(usize, usize)>> = vec![];
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
        if a.iter().any(|x| x == "diff") {
            flags.push(tmp_met(
                &tools,
                &g.domains
                    .iter()
                    .map(|d| d.tools.clone())
                    .collect::<Vec<_>>(),
            ));
            if flags.len() == 2 {
                let mut by = std::collections::BTreeMap::<
                    (&str, &str),
                    (usize, i64, i64, std::collections::BTreeMap<String, usize>),
                >::new();
                for (i, t) in tools.iter().enumerate() {
                    let e = by.entry((&t.provider, &t.api)).or_default();
                    let ok = |f: (usize, usize)| i64::from(f.0 > 0 && f.0 == f.1);
                    e.0 += 1;
                    e.1 += ok(flags[0][i]);
                    e.2 += ok(flags[1][i]);
                    if flags[0][i].1 > flags[1][i].1 {
                        *e.3.entry(t.required.join(",")).or_default() += 1;
                    }
                }
                let mut v: Vec<_> = by.into_iter().collect();
                v.sort_by_key(|(_, e)| e.2 - e.1);
                for (k, e) in v.iter().take(25).chain(v.iter().rev().take(12)) {
                    let mut top: Vec<_> = e.3.iter().collect();
                    top.sort_by_key(|x| std::cmp::Reverse(x.1));
                    println!(
                        "{:?} tools {} provider {} communities {} {:?}",
                        k,
                        e.0,
                        e.1,
                        e.2,
                        top.iter().take(4).collect::<Vec<_>>()
                    );
                }
                println!(
                    "gain {} loss {}",
                    v.iter().map(|(_, e)| (e.2 - e.1).max(0)).sum::<i64>(),
                    v.iter().map(|(_, e)| (e.1 - e.2).max(0)).sum::<i64>()
                );
                let (mut s, mut l) = ((0, 0), (0, 0));
                for (_, e) in &v {
                    let x = if e.0 <= 64 { &mut s } else { &mut l };
                    x.0 += e.1;
                    x.1 += e.2;
                }
                println!("small specs {:?} large {:?}", s, l);
            }
        }
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
