//! The stored form itself.

use super::*;

/// The form in which state is stored and exported is part of what is promised: a change of these bytes is a change of the
/// format, and the form before must still be read.
#[test]
fn the_same_state_gives_the_same_bytes_in_every_version() {
    let story = told(RULES);
    let user = story.user();
    let export = crate::partition::UserStateExport::new(&story.plan, &user);
    let json = format!("{}{}", export.profile.as_str(), export.memory);
    let of_blocks: u32 = blocks(&bytes(&story)).expect("just written").iter().fold(0, |sum, block| {
        if matches!(block.kind, CheckpointBlockKind::Header) {
            sum
        } else {
            crc32c::crc32c_append(sum, &block.content().expect("just written"))
        }
    });
    assert_eq!(
        (of_blocks, crc32c::crc32c(json.as_bytes()), PackedUser::new(&user).len()),
        (1_302_000_375, 2_456_182_964, 301),
        "{json}",
    );
}
