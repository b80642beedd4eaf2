//! The clients that people run, unmodified, from their own packages.
//!
//! They are installed once, into `target/clients`. Where they cannot be (no Python, no package index), a test says
//! so and passes.
#![allow(clippy::print_stdout)] // why a test was skipped, and what clients say

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::serving::{Serving, Shop};
use crate::support::{Bench, workspace};

/// A virtual environment with these packages; None where they cannot be installed.
pub(crate) fn environment(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let folder = workspace().join("target/clients").join(name);
    let whole = folder.join("whole");
    std::fs::create_dir_all(&folder).unwrap();
    // Tests run side by side, in processes of their own, too.
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = packages.join(" ");
    if std::fs::read_to_string(&whole).is_ok_and(|own| own == wanted) {
        return Some(folder);
    }
    let run = |command: &mut Command| {
        let done = command.stdin(Stdio::null()).output();
        done.is_ok_and(|done| done.status.success())
    };
    let installed = run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        && (packages.is_empty()
            || run(Command::new(folder.join("bin/python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(["--retries", "1", "--timeout", "20"])
                .args(packages)));
    if !installed {
        println!("skipped: {wanted} cannot be installed here");
        return None;
    }
    std::fs::write(whole, wanted).unwrap();
    Some(folder)
}

/// Runs a program of an environment to its end, and gives what it printed.
#[track_caller]
pub(crate) fn run(program: &Path, arguments: &[&str], bench: &Bench) -> String {
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(bench.path(""))
        .env("NO_PROXY", "*")
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout).into_owned(),
        String::from_utf8_lossy(&ran.stderr).into_owned(),
    );
    assert!(ran.status.success(), "{arguments:?}: {out}\n{err}");
    out
}

pub(crate) fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    folder.join(name).to_str().unwrap().to_string()
}

/// The first tasks with the acts that pass them, for a client to play.
fn plan(bench: &Bench, shop: &Shop, count: usize) -> String {
    let tasks = shop.tasks.iter().take(count);
    let plans: Vec<Value> = tasks
        .map(|task| json!({"task": task.id, "request": task.intent, "acts": shop.gold(task)}))
        .collect();
    let path = bench.write("plan.json", Value::from(plans).to_string());
    path.to_str().unwrap().to_string()
}

fn url(serving: &Serving) -> String {
    format!("http://{}", serving.address)
}

#[test]
fn openenv() {
    let Some(folder) = environment("openenv", &["openenv==0.10.0"]) else {
        return;
    };
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &[]);
    let told = run(
        &folder.join("bin/openenv"),
        &["validate", "--json", "--url", &url(&serving)],
        &bench,
    );
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(report["passed"], json!(true), "{told}");
    assert_eq!(report["summary"]["passed_count"], json!(6), "{told}");
    let plan = plan(&bench, &shop, 6);
    let script = script("openenv_clients.py");
    let told = run(
        &folder.join("bin/python"),
        &[&script, &url(&serving), &plan],
        &bench,
    );
    println!("{told}");
}

#[test]
fn a_package_with_an_oracle() {
    let Some(folder) = environment("openenv", &["openenv==0.10.0"]) else {
        return;
    };
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let mut arguments = vec!["serve", "--package", "package"];
    arguments.extend(shop.arguments.iter().map(String::as_str));
    bench.run(&arguments).done();
    bench.run(&arguments).refused(&["package is there already"]);
    let validate = ["validate", "package", "--level", "static"];
    run(&folder.join("bin/openenv"), &validate, &bench);
    // What the package holds serves what its oracle plays.
    let own = ["package/worlds", "--tasks", "package/tasks.jsonl"];
    let serving = Serving::start(&bench, &own);
    let told = run(
        &folder.join("bin/python"),
        &["package/oracle.py", &url(&serving)],
        &bench,
    );
    let count = shop.tasks.len();
    assert!(
        told.starts_with(&format!("{count} of {count} tasks")),
        "{told}"
    );
}

#[test]
fn mcp() {
    let Some(folder) = environment("mcp", &["mcp==2.3.0"]) else {
        return;
    };
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &[]);
    let plan = plan(&bench, &shop, 6);
    let (script, url) = (script("mcp_client.py"), url(&serving));
    let mut arguments = vec![script.as_str(), &url, &plan];
    arguments.extend([env!("CARGO_BIN_EXE_practicum"), "serve", "--stdio"]);
    arguments.extend(shop.arguments.iter().map(String::as_str));
    println!("{}", run(&folder.join("bin/python"), &arguments, &bench));
}

/// A block of the manual, by its name.
fn block(bench: &Bench, name: &str) -> String {
    let text = std::fs::read_to_string(workspace().join("docs/serve.md")).unwrap();
    let fence = text
        .lines()
        .find(|line| line.starts_with("```") && line.ends_with(&format!(" {name}")));
    let (_, rest) = text.split_once(&format!("{}\n", fence.unwrap())).unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let path = bench.write(&format!("{name}.txt"), block);
    path.to_str().unwrap().to_string()
}

#[test]
fn trl() {
    let Some(folder) = environment("trl", &["transformers==5.24.0"]) else {
        return;
    };
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &[]);
    let adapter = std::fs::read(workspace().join("clients/python/practicum_client.py")).unwrap();
    bench.write("practicum_client.py", adapter);
    let trainer = std::fs::read(script("trl_trainer.py")).unwrap();
    bench.write("trl_trainer.py", trainer);
    let (plan, block) = (plan(&bench, &shop, shop.tasks.len()), block(&bench, "trl"));
    let arguments = ["trl_trainer.py", &url(&serving), &plan, &block];
    println!("{}", run(&folder.join("bin/python"), &arguments, &bench));
}

#[test]
fn verifiers() {
    let Some(folder) = environment("verifiers", &["verifiers[openenv]==0.4.0"]) else {
        return;
    };
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &[]);
    let (script, plan) = (script("verifiers_eval.py"), plan(&bench, &shop, 4));
    let block = block(&bench, "verifiers");
    let arguments = [script.as_str(), &url(&serving), &plan, &block];
    println!("{}", run(&folder.join("bin/python"), &arguments, &bench));
}

#[test]
fn requests_as_the_manual_has_them() {
    let Some(folder) = environment("plain", &[]) else {
        return;
    };
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &[]);
    let text = std::fs::read_to_string(block(&bench, "rest")).unwrap();
    bench.write(
        "rest.py",
        text.replace("http://localhost:8000", &url(&serving)),
    );
    let told = run(&folder.join("bin/python"), &["rest.py"], &bench);
    assert!(told.contains("/mcp\n") && told.ends_with("0.0\n"), "{told}");
    // The configuration of an MCP client names a world that ships, and options that are there.
    let config = std::fs::read_to_string(block(&bench, "mcp")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    let own = &config["mcpServers"]["hotel"];
    assert_eq!(own["command"], "practicum");
    let arguments: Vec<&str> = own["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own.as_str().unwrap())
        .collect();
    let world = workspace().join(arguments[1]);
    let list = concat!(
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","#,
        r#""capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#,
        "\n",
    );
    let requests = bench.write("requests", list);
    let ran = bench
        .command(&[arguments[0], world.to_str().unwrap(), arguments[2]])
        .stdin(std::fs::File::open(requests).unwrap())
        .output()
        .unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    let answers: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        answers[0]["result"]["protocolVersion"], "2025-06-18",
        "{out}"
    );
    assert!(answers[1]["result"]["tools"].is_array(), "{out}");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("left before it finished"));
}

/// The scenarios of MCP's conformance suite that apply to a server with tools of its own: the others ask for the
/// suite's own tools, prompts and resources.
const SCENARIOS: [(&str, &str); 10] = [
    ("server-initialize", "2025-06-18"),
    ("server-initialize", "2025-11-25"),
    ("ping", "2025-06-18"),
    ("ping", "2025-11-25"),
    ("tools-list", "2025-06-18"),
    ("tools-list", "2025-11-25"),
    ("tools-list", "2026-07-28"),
    ("dns-rebinding-protection", "2025-11-25"),
    ("dns-rebinding-protection", "2026-07-28"),
    ("http-header-validation", "2026-07-28"),
];

#[test]
fn mcp_conformance() {
    let packages = [
        "node@22.23.3",
        "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    ];
    let folder = workspace().join("target/clients/conformance");
    let whole = folder.join("whole");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    if !whole.exists() {
        let npm = Command::new("npm")
            .args([
                "install",
                "--silent",
                "--no-audit",
                "--fetch-retries",
                "1",
                "--prefix",
            ])
            .arg(&folder)
            .args(packages)
            .stdin(Stdio::null())
            .output();
        if !npm.is_ok_and(|done| done.status.success()) {
            println!("skipped: {packages:?} cannot be installed here");
            return;
        }
        std::fs::write(whole, "").unwrap();
    }
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &[]);
    let (_, begun) = serving.ask("POST /sessions", &json!({}));
    let url = url(&serving) + begun["mcp"].as_str().unwrap();
    let suite = folder.join("node_modules/@modelcontextprotocol/conformance/dist/index.js");
    for (scenario, version) in SCENARIOS {
        let arguments = [
            suite.to_str().unwrap(),
            "server",
            "--url",
            &url,
            "--scenario",
            scenario,
            "--spec-version",
            version,
        ];
        let told = run(
            &folder.join("node_modules/node/bin/node"),
            &arguments,
            &bench,
        );
        assert!(told.contains(" 0 failed, 0 warnings"), "{told}");
    }
}
