//! Compressed files: whole, without a telling name, cut off, corrupted.

use std::io::Write;

use crate::bad_input::command::{World, view};

/// Enough lines, unlike enough one another, for many compressed blocks.
fn log() -> String {
    let noise = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at.rotate_left(29);
    let line = |at: u32| view(&format!("u{:x}", noise(u64::from(at))), at / 4);
    (0..20_000).map(|at| line(at) + "\n").collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).expect("memory can be written to");
    packer.finish().expect("memory can be written to")
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).expect("memory can be written to")
}

/// The file fails, by name, with a line; and there is no journal under its name.
fn breaks(packed: &[u8], said: &str) {
    let world = World::new();
    world.write("events", packed);
    let run = world.replay(&[
        "events",
        "--output",
        "journal.jsonl",
        "--actions",
        "actions.jsonl",
        "--dead-letters",
        "rejects.jsonl",
    ]);
    run.fails_saying(&["could not read events past line ", said]);
    assert_eq!(run.stderr.lines().count(), 1, "no summary of half a log: {}", run.stderr);
    assert_eq!(world.names(), ["events", "rules.toml"], "nothing half-written stays");
    world.replay(&["events"]).fails_saying(&["could not read events past line "]);
}

#[test]
fn compression_is_detected_by_content_not_by_name() {
    let world = World::new();
    let text = [view("u1", 0), view("u2", 1)].join("\n");
    world.write("plain.zst", &text);
    let expected = world.replay(&["plain.zst"]).stdout;
    assert!(expected.contains("\"u2\""));
    let skippable = [&b"\x50\x2a\x4d\x18\x04\0\0\0abcd"[..], &zstd(&text)].concat();
    let in_parts = |pack: fn(&str) -> Vec<u8>| [pack(&view("u1", 0)), pack("\n"), pack(&view("u2", 1))].concat();
    for packed in
        [zstd(&text), gzip(&text), skippable, in_parts(zstd), in_parts(gzip), zstd(&format!("\u{feff}{text}"))]
    {
        world.write("events", packed);
        let run = world.replay(&["events"]);
        assert_eq!((run.code, &run.stdout), (Some(0), &expected), "{}", run.stderr);
    }
}

#[test]
fn a_truncated_file_fails_with_the_position() {
    let text = log();
    for packed in [zstd(&text), gzip(&text)] {
        for part in [packed.len() / 2, packed.len() - 1] {
            breaks(&packed[..part], "the compressed file ends too early");
        }
    }
    let world = World::new();
    world.write("events.zst", &zstd(&text)[..zstd(&text).len() * 9 / 10]);
    let said = world.replay(&["events.zst"]).stderr;
    let line =
        said.split("past line ").nth(1).and_then(|rest| rest.split(':').next()).and_then(|line| line.parse().ok());
    assert!(matches!(line, Some(1_000..20_000)), "it tells how far it came: {said}");
}

#[test]
fn a_file_cut_off_at_its_head_fails() {
    let text = log();
    for packed in [zstd(&text), gzip(&text)] {
        for bytes in [4, 7, 20] {
            breaks(&packed[..bytes], "past line 0");
        }
    }
}

#[test]
fn a_corrupted_file_fails() {
    let text = log();
    for (pack, said) in
        [(zstd as fn(&str) -> Vec<u8>, "compressed data is damaged"), (gzip, "compressed data is damaged")]
    {
        let mut packed = pack(&text);
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xa5);
        breaks(&packed, said);
        let trailing = [pack(&text), b"and more than would fit a header".to_vec()].concat();
        breaks(&trailing, said);
    }
}

#[test]
fn rejected_lines_of_compressed_files_have_their_unpacked_number() {
    let world = World::new();
    world.write("events.gz", gzip(&format!("{}\n\nnonsense\n", view("u1", 0))));
    let run = world.replay(&["events.gz", "--dead-letters", "rejects.jsonl"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(world.read("rejects.jsonl").contains(r#""file":"events.gz","line":3"#));
}
