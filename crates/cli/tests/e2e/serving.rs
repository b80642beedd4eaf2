//! A server that runs, and plain requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use practicum_task::{Task, generate, propose};
use practicum_world::World;
use serde_json::{Value, json};

use crate::support::{Bench, workspace};

/// The binary as a server, on a free port, until it is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Serving {
    /// Starts the binary and waits until it says where it listens.
    pub(crate) fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut all = vec!["serve", "--address", "127.0.0.1:0"];
        all.extend(arguments);
        let mut child = bench.command(&all).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        let address = loop {
            let before = told.len();
            let read = lines.read_line(&mut told).unwrap();
            assert!(read > 0, "it stopped at once: {told}");
            if let Some((_, rest)) = told[before..].split_once(" on http://") {
                let end = rest.find(|own: char| own == ',' || own.is_whitespace());
                break rest[..end.unwrap()].to_string();
            }
        };
        let log = std::thread::spawn(move || {
            let mut rest = String::new();
            lines.read_to_string(&mut rest).unwrap();
            told + &rest
        });
        Self {
            child,
            address,
            log: Some(log),
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// As a power cut would: no chance to write anything more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop; how it ended, and all that it said.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        let told = std::process::Command::new("kill")
            .args(["-TERM", &self.process().to_string()])
            .status()
            .unwrap();
        assert!(told.success());
        let status = self.child.wait().unwrap();
        (status, self.log.take().unwrap().join().unwrap())
    }

    /// Sends a request, and gives status and body; None when the connection broke off.
    pub(crate) fn try_ask(&self, line: &str, body: &Value) -> Option<(u16, Value)> {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).unwrap_or_default()))
    }

    /// Sends a request, and gives status and body.
    pub(crate) fn ask(&self, line: &str, body: &Value) -> (u16, Value) {
        self.try_ask(line, body).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A small world, some proven tasks of it, and both as arguments of `practicum serve`.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) tasks: Vec<Task>,
    pub(crate) arguments: Vec<String>,
}

impl Shop {
    pub(crate) fn new(bench: &Bench) -> Self {
        let folder = workspace().join("crates/world/tests/worlds/corner-shop");
        let world = World::load(&folder).unwrap();
        let options = practicum_task::Options {
            per_world: 12,
            states: 2,
            size: "small".into(),
            ..practicum_task::Options::default()
        };
        let tasks = generate(&world, &options).unwrap().0;
        let lines: Vec<String> = tasks
            .iter()
            .map(|task| serde_json::to_string(task).unwrap())
            .collect();
        let file = bench.write("tasks.jsonl", lines.join("\n"));
        let text = |path: &Path| path.to_str().unwrap().to_string();
        let arguments = vec![text(&folder), "--tasks".into(), text(&file)];
        Self {
            world,
            tasks,
            arguments,
        }
    }

    /// Starts a server of it.
    pub(crate) fn serve(&self, bench: &Bench, more: &[&str]) -> Serving {
        let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        arguments.extend(more);
        Serving::start(bench, &arguments)
    }

    /// The acts that pass a task, as bodies of calls.
    pub(crate) fn gold(&self, task: &Task) -> Vec<Value> {
        let mut acts = Vec::new();
        for call in &task.gold {
            let tool = self.world.tool(&call.tool).unwrap();
            if call.writes {
                let text = propose(&self.world, task, tool, &call.arguments);
                acts.push(json!({"tool": "say", "arguments": {"text": text}}));
            }
            acts.push(json!({"tool": call.tool, "arguments": call.arguments}));
        }
        let finish = json!({"outcome": task.expectation.outcome, "answer": task.answer});
        acts.push(json!({"tool": "finish", "arguments": finish}));
        acts
    }
}
