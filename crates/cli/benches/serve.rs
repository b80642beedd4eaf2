//! The served binary under load: steps a second, what a step costs it, and what is left after sessions that nobody
//! closed.
//!
//! `cargo bench -p practicum-cli --bench serve` measures this server; with `-- --peer URL PID` it measures another
//! server of OpenEnv's protocol first, by the same clients: one that has a tool `echo_message(message)`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![allow(clippy::disallowed_methods)] // it measures time

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

const CLIENTS: usize = 32;
const SECONDS: u64 = 10;
const SESSIONS: usize = 2_000;
const ROUNDS: usize = 10;
/// Clock ticks of /proc in a second.
const TICKS: f64 = 100.0;

struct Server {
    address: String,
    process: u32,
}

struct Own(Child);

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Own, Server) {
    let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds/hotel");
    let mut child = Command::new(env!("CARGO_BIN_EXE_practicum"))
        .args([
            "serve",
            "--address",
            "127.0.0.1:0",
            "--rate",
            "1000000",
            "--calls",
            "100000000",
        ])
        .args(arguments)
        .arg(world)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = child.id();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "it stopped at once"
        );
        if let Some((_, rest)) = line.split_once(" on http://") {
            break rest.split(',').next().unwrap().to_string();
        }
    };
    // What the server complains of is part of the result.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
    (Own(child), Server { address, process })
}

fn connect(server: &Server) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_nodelay(true).unwrap();
    let url = format!("ws://{}/ws", server.address);
    tungstenite::client(url, stream).unwrap().0
}

fn ask(socket: &mut WebSocket<TcpStream>, text: &str) -> String {
    socket.send(Message::text(text)).unwrap();
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Close(_) => panic!("the server closed"),
            _ => {}
        }
    }
}

fn get(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn metric(server: &Server, name: &str) -> u64 {
    let text = get(server, "/metrics");
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

/// Seconds of processor that a process has used.
fn cpu(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / TICKS
}

fn memory_mib(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

fn files(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .count()
}

fn call(tool: &str, arguments: &Value) -> String {
    json!({"type": "step", "data": {"type": "call_tool", "tool_name": tool, "arguments": arguments}})
        .to_string()
}

/// Steps by many clients for some seconds, each waiting for its answer.
fn steps(name: &str, server: &Server, step: &str) {
    let (begun, used, own) = (Instant::now(), cpu(server.process), cpu(std::process::id()));
    let until = begun + Duration::from_secs(SECONDS);
    let mut micros: Vec<u64> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|seed| {
                scope.spawn(move || {
                    let mut socket = connect(server);
                    let reset = json!({"type": "reset", "data": {"seed": seed}}).to_string();
                    ask(&mut socket, &reset);
                    let mut micros = Vec::new();
                    while Instant::now() < until {
                        let begun = Instant::now();
                        let answer = ask(&mut socket, step);
                        assert!(answer.contains("\"observation\""), "{answer}");
                        micros.push(u64::try_from(begun.elapsed().as_micros()).unwrap());
                    }
                    let _ = socket.send(Message::text(r#"{"type": "close"}"#));
                    micros
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let (used, own) = (cpu(server.process) - used, cpu(std::process::id()) - own);
    micros.sort_unstable();
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!(
        "{name:<28} {:>7.0} steps/s, {:>6.3} CPU-ms a step in the server, {:>6.3} in the clients, \
         {:.2} ms median, {:.2} ms 99th",
        micros.len() as f64 / seconds,
        1e3 * used / micros.len() as f64,
        1e3 * own / micros.len() as f64,
        at(0.5),
        at(0.99),
    );
}

/// Resets by many clients, one after the other.
fn resets(name: &str, server: &Server, count: usize) {
    let (begun, used) = (Instant::now(), cpu(server.process));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut socket = connect(server);
                for at in 0..count {
                    let seed = (client + at) % 8;
                    let reset = json!({"type": "reset", "data": {"seed": seed}}).to_string();
                    assert!(ask(&mut socket, &reset).contains("\"observation\""));
                }
                let _ = socket.send(Message::text(r#"{"type": "close"}"#));
            });
        }
    });
    let resets = (CLIENTS * count) as f64;
    println!(
        "{name:<28} {:>7.0} resets/s, {:>6.3} CPU-ms a reset in the server",
        resets / begun.elapsed().as_secs_f64(),
        1e3 * (cpu(server.process) - used) / resets,
    );
}

/// Sessions that are begun, used and abandoned, a third by sockets that are cut, a third by ones that leave
/// without a word, a third over HTTP; again and again. What is left when the leases are over.
fn abandoned(server: &Server) {
    println!("{SESSIONS} sessions begun, used, abandoned; {ROUNDS} times:");
    let look = call("find_hotels", &json!({}));
    for round in 1..=ROUNDS {
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let look = &look;
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for at in (client..SESSIONS).step_by(CLIENTS) {
                        if at % 3 == 2 {
                            let body = json!({"seed": at % 8}).to_string();
                            let mut stream = TcpStream::connect(&server.address).unwrap();
                            let length = body.len();
                            write!(stream, "POST /sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
                            let mut text = String::new();
                            stream.read_to_string(&mut text).unwrap();
                            assert!(text.starts_with("HTTP/1.1 201"), "{text}");
                            continue;
                        }
                        let mut socket = connect(server);
                        let reset = json!({"type": "reset", "data": {"seed": at % 8}}).to_string();
                        ask(&mut socket, &reset);
                        ask(&mut socket, look);
                        if at % 3 == 0 {
                            // Cut with an act under way.
                            socket.send(Message::text(look.as_str())).unwrap();
                            let _ = socket.get_ref().shutdown(std::net::Shutdown::Both);
                        } else {
                            held.push(socket);
                        }
                    }
                });
            }
        });
        let most = metric(server, "practicum_sessions");
        // The server closes what nobody uses every 15 seconds.
        let patience = Instant::now() + Duration::from_secs(90);
        while metric(server, "practicum_sessions") > 0 && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(250));
        }
        println!(
            "  round {round:>2}: {most:>5} sessions, then {}; {} sockets, {} files, {:.1} MiB",
            metric(server, "practicum_sessions"),
            metric(server, "practicum_sockets"),
            files(server.process),
            memory_mib(server.process),
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|own| own == "--peer") {
        let peer = Server {
            address: arguments[at + 1].trim_start_matches("http://").to_string(),
            process: arguments[at + 2].parse().unwrap(),
        };
        let echo = call("echo_message", &json!({"message": "hello"}));
        steps("peer: echo", &peer, &echo);
        resets("peer: reset", &peer, 20);
        println!("{:<28} {:.1} MiB", "peer: memory", memory_mib(peer.process));
    }
    let (own, server) = start(&[]);
    steps(
        "a call that is no tool",
        &server,
        &call("no_such_tool", &json!({})),
    );
    steps(
        "a read (find_hotels)",
        &server,
        &call("find_hotels", &json!({})),
    );
    resets("reset", &server, 200);
    println!("{:<28} {:.1} MiB", "memory", memory_mib(server.process));
    drop(own);
    let journal = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve-journal");
    let _ = std::fs::remove_dir_all(&journal);
    let (own, server) = start(&["--journal", journal.to_str().unwrap()]);
    steps(
        "a read, with a journal",
        &server,
        &call("find_hotels", &json!({})),
    );
    drop(own);
    let (_own, server) = start(&["--lease", "1", "--idle", "2"]);
    abandoned(&server);
}
