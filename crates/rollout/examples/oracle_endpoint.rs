//! Gold as an endpoint on the loopback, for trying `practicum rollout` and for measuring it without a model:
//!
//! ```sh
//! cargo run --release -p practicum-rollout --example oracle_endpoint -- 8801 0 0 run/tasks.jsonl worlds/*
//! ```
//!
//! The arguments are a port, the milliseconds that each reply takes, how many of a hundred replies break, the
//! tasks, and the folders of their worlds. A port of 0 takes a free one; the address is printed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use std::time::Duration;

use practicum_stub::{Behaviour, Break, Stub};
use practicum_task::Task;
use practicum_world::World;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, delay, share, tasks, worlds @ ..] = &arguments[..] else {
        println!("usage: oracle_endpoint PORT DELAY_MS BROKEN_OF_100 TASKS WORLD...");
        return;
    };
    let text = std::fs::read_to_string(tasks).unwrap();
    let tasks: Vec<Task> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let grounds = worlds
        .iter()
        .map(|folder| {
            let world = World::load(folder.as_ref()).unwrap();
            let own = tasks.iter().filter(|task| task.world == world.name());
            let own = own.cloned().collect();
            (world, own)
        })
        .collect();
    let behaviour = Behaviour {
        delay: Duration::from_millis(delay.parse().unwrap()),
        share: share.parse().unwrap(),
        breaks: vec![
            Break::Drop,
            Break::DropHalfway,
            Break::TooMany,
            Break::Internal,
            Break::HalfJson,
            Break::NotUtf8,
            Break::Stall(Duration::from_secs(10)),
        ],
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answering = oracle::oracle(grounds);
        let stub = Stub::start_at(port.parse().unwrap(), behaviour, answering)
            .await
            .unwrap();
        println!("{}", stub.endpoint());
        std::future::pending::<()>().await;
    });
}
