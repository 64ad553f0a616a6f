//! Damaged and hostile files.

use super::*;

#[test]
fn bytes_that_are_no_checkpoint_are_refused_as_such() {
    let whole = bytes(&told(RULES));
    let error = |bytes: &[u8]| CheckpointFile::read(bytes).expect_err("no checkpoint").to_string();
    assert_eq!(error(b""), "these bytes are not a checkpoint of Rekindle");
    assert_eq!(error(b"{\"type\":\"track\"}"), "these bytes are not a checkpoint of Rekindle");
    let mut later = whole.clone();
    later[4] = (FORMAT_VERSION + 1).to_le_bytes()[0];
    let expected = format!(
        "the checkpoint has format version {}; this program reads version {FORMAT_VERSION} and those before",
        FORMAT_VERSION + 1
    );
    assert_eq!(error(&later), expected);
    let short = &whole[..whole.len() - 1];
    let expected = format!("the checkpoint is cut off: it ends at byte {}, and more was to come", short.len());
    assert_eq!(error(short), expected);
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    let end = blocks(&whole).expect("sound").last().expect("blocks").at;
    let expected =
        format!("the checkpoint is damaged: the checksum of the block at byte {end} does not agree with its contents");
    assert_eq!(error(&flipped), expected);
}

#[test]
fn every_bit_that_is_flipped_and_every_end_before_the_end_is_noticed() {
    let mut links = IdentityLinks::default();
    links.insert("v", "u");
    let whole = bytes_with(&told(RULES), &mut links);
    for at in 0..whole.len() {
        assert!(CheckpointFile::read(&whole[..at]).is_err(), "cut off at {at}");
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            assert!(CheckpointFile::read(&flipped).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(CheckpointFile::read(&[whole.as_slice(), &[0]].concat()).is_err(), "more than there was");
    assert!(CheckpointFile::read(&[whole.as_slice(), &whole[8..]].concat()).is_err(), "twice");
}

#[test]
fn blocks_that_are_missing_twice_or_elsewhere_are_noticed() {
    let mut links = IdentityLinks::default();
    links.insert("v", "u");
    let whole = bytes_with(&told(RULES), &mut links);
    let mut starts: Vec<usize> = blocks(&whole).expect("sound").iter().map(|block| block.at).collect();
    starts.push(whole.len());
    let parts: Vec<&[u8]> = starts.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
    assert_eq!(parts.len(), 5, "head, keys, links, users, end");
    let file = |order: &[usize]| {
        let chosen: Vec<&[u8]> = order.iter().map(|at| parts[*at]).collect();
        [PREAMBLE.as_slice(), &chosen.concat()].concat()
    };
    assert!(CheckpointFile::read(&file(&[0, 1, 3, 2, 4])).is_ok(), "the order of parts is free");
    for order in [&[0, 1, 2, 4][..], &[0, 2, 3, 4], &[1, 2, 3, 4], &[0, 1, 2, 3, 3, 4], &[1, 0, 2, 3, 4], &[0, 1, 2, 3]]
    {
        assert!(CheckpointFile::read(&file(order)).is_err(), "{order:?}");
    }
}

#[test]
fn claims_of_a_great_length_take_no_memory() {
    let whole = bytes(&told(RULES));
    let (mut writer, mut out) = (CheckpointBlockWriter::new(), PREAMBLE.to_vec());
    for block in blocks(&whole).expect("sound") {
        let content = block.content().expect("sound");
        match block.kind {
            CheckpointBlockKind::Users => writer.write(summary(block.kind, 0, u32::MAX), &[], &mut out),
            CheckpointBlockKind::End => {
                let mut totals = wire::CborWriter::new();
                CheckpointTotals { users: u32::MAX.into(), ..CheckpointTotals::default() }.write(&mut totals);
                writer.write(summary(block.kind, 0, 1), &totals.into_bytes(), &mut out)
            }
            kind => writer.write(summary(kind, 0, block.items), &content, &mut out),
        }
        .expect("small");
    }
    let error = contents(&plan(), &out).expect_err("no users");
    assert!(matches!(error, CodecError::Malformed { what: "a user", .. }), "{error}");
}

#[test]
fn users_in_a_block_of_another_partition_are_refused() {
    let story = told(RULES);
    let mut encoder = CheckpointEncoder::new(&story.plan, &head("")).expect("small");
    encoder.users(1, story.partition.users()).expect("small");
    let (bytes, _) = encoder.finish().expect("small");
    let error = CheckpointFile::read(&bytes).expect_err("there is one partition");
    assert!(matches!(error, CodecError::Block { what: "a block that the header excludes", .. }), "{error}");
}

#[test]
fn unknown_header_fields_of_a_later_writer_are_ignored() {
    let whole = bytes(&told(RULES));
    let with_more = resealed(&whole, |block, mut content| {
        if [CheckpointBlockKind::Header, CheckpointBlockKind::End].contains(&block.kind) {
            // One entry more: "x": [1].
            content[0] += 1;
            content.extend([0x61, b'x', 0x81, 0x01]);
        }
        content
    });
    let file = CheckpointFile::read(&with_more).expect("sound");
    assert_eq!(file.head().sequence, 5);
}
