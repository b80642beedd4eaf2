//! The clients that people run, unmodified, from their own packages.
//!
//! They are installed once, into `target/clients`. Where they cannot be (no Python, no package index), a test says
//! so and passes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::serving::{Serving, Shop};
use crate::support::{Bench, workspace};

/// A virtual environment with these packages; None where they cannot be installed.
fn environment(name: &str, packages: &[&str]) -> Option<PathBuf> {
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
        && run(Command::new(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--retries", "1", "--timeout", "20"])
            .args(packages));
    if !installed {
        println!("skipped: {wanted} cannot be installed here");
        return None;
    }
    std::fs::write(whole, wanted).unwrap();
    Some(folder)
}

/// Runs a program of an environment to its end, and gives what it printed.
#[track_caller]
fn run(program: &Path, arguments: &[&str], bench: &Bench) -> String {
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

fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    folder.join(name).to_str().unwrap().to_string()
}

/// Three tasks with the acts that pass them, for a client to play: two that change something.
fn plan(bench: &Bench, shop: &Shop) -> String {
    let (changing, asking): (Vec<_>, Vec<_>) = shop
        .tasks
        .iter()
        .partition(|task| !task.kind.changes_nothing());
    let tasks = changing.iter().take(2).chain(asking.iter().take(1));
    let plans: Vec<Value> = tasks
        .map(|task| json!({"task": task.id, "request": task.intent, "acts": shop.gold(task)}))
        .collect();
    assert_eq!(plans.len(), 3);
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
        &["validate", "--url", &url(&serving)],
        &bench,
    );
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(report["passed"], json!(true), "{told}");
    assert_eq!(report["summary"]["passed_count"], json!(6), "{told}");
    let plan = plan(&bench, &shop);
    let script = script("openenv_clients.py");
    let told = run(
        &folder.join("bin/python"),
        &[&script, &url(&serving), &plan],
        &bench,
    );
    println!("{told}");
}

#[test]
fn mcp() {
    let Some(folder) = environment("mcp", &["mcp==2.3.0"]) else {
        return;
    };
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &[]);
    let plan = plan(&bench, &shop);
    let (script, url) = (script("mcp_client.py"), url(&serving));
    let mut arguments = vec![script.as_str(), &url, &plan];
    arguments.extend([env!("CARGO_BIN_EXE_practicum"), "serve", "--stdio"]);
    arguments.extend(shop.arguments.iter().map(String::as_str));
    println!("{}", run(&folder.join("bin/python"), &arguments, &bench));
}
