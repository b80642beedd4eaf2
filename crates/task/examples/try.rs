fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args().nth(2).map_or(3, |n| n.parse().unwrap());
    let mut dirs: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    dirs.sort();
    let mut all = practicum_task::Report::default();
    for d in dirs {
        let world = practicum_world::World::load(&d).unwrap();
        let t = std::time::Instant::now();
        let (tasks, report) =
            practicum_task::generate(&world, &practicum_task::Options::default()).unwrap();
        println!(
            "== {} {} tasks of {} tries in {:?}; kinds {:?} rejected {:?} kill {}/{} acc {}/{} beyond {}/{} tools {}/{}",
            world.name(),
            tasks.len(),
            report.tried,
            t.elapsed(),
            report.kinds,
            report.rejected,
            report.killed_before,
            report.survived_before,
            report.accepted_before,
            report.refused_before,
            report.beyond_killed,
            report.beyond_survived,
            report.tools_used,
            report.tools
        );
        for (i, task) in tasks.iter().enumerate() {
            if i % (60 / n.max(1)).max(1) != 0 {
                continue;
            }
            println!("  [{}] {}", task.kind.name(), task.intent);
            for c in &task.gold {
                println!(
                    "       {}({})",
                    c.tool,
                    serde_json::to_string(&c.arguments).unwrap()
                );
            }
            println!("       -> {:?} {}", task.expectation.outcome, task.answer);
        }
        all.add(&report);
    }
    println!("{all:#?}");
}
