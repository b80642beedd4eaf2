fn main() {
    let mut all = Vec::new();
    let dir = std::env::args().nth(1).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_string();
        if name.ends_with(".md") {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let (tools, diagnostics) =
            practicum_corpus::read_bytes(&name, &bytes, &practicum_corpus::Options::default());
        println!(
            "== {name}: {} tools, {} diagnostics",
            tools.len(),
            diagnostics.len()
        );
        let world = practicum_author::compile(
            &practicum_author::world_name(&name),
            &name,
            &tools,
            &practicum_author::Options::default(),
        );
        for u in &world.uncertain {
            println!("   - {}: {}", u.tool, u.reason);
        }
        if let Some(f) = &world.failure {
            println!("   FAIL {f}");
        }
        if let Some(w) = &world.world {
            println!(
                "   ok {} tools {} tables",
                w.world.tools().len(),
                w.world.schema().tables.len()
            );
            for p in &w.check.problems {
                println!("     {p}");
            }
            let out = std::path::Path::new("/tmp/worlds").join(w.world.name());
            w.files.write(&out).unwrap();
        }
        all.push(world);
    }
}
