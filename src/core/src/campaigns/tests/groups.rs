//! Groups and variants: by hash, roughly as large as asked, and independent of each other.

use crate::campaigns::groups::{in_control, in_holdout, share, variant};

fn users() -> impl Iterator<Item = String> {
    (0..10_000).map(|index| format!("user-{index}"))
}

/// Within four standard deviations of a share of 10,000 draws.
fn assert_share(count: usize, share: f64) {
    let deviation = (10_000.0 * share * (1.0 - share)).sqrt();
    assert!((count as f64 - 10_000.0 * share).abs() <= 4.0 * deviation, "{count} of 10,000 for a share of {share}");
}

#[test]
fn groups_are_about_as_large_as_asked() {
    for size in [0.01, 0.1, 0.5, 0.9] {
        assert_share(users().filter(|user| in_control(user, size)).count(), size);
        assert_share(users().filter(|user| in_holdout("winback", user, size)).count(), size);
    }
}

#[test]
fn a_share_of_nothing_holds_nobody_and_of_one_everybody() {
    assert!(users().all(|user| !in_control(&user, 0.0) && !in_holdout("c", &user, 0.0)));
    assert!(users().all(|user| in_control(&user, 1.0) && in_holdout("c", &user, 1.0)));
}

#[test]
fn a_larger_group_holds_the_smaller() {
    assert!(users().filter(|user| in_control(user, 0.1)).all(|user| in_control(&user, 0.2)));
}

#[test]
fn holdouts_of_two_campaigns_are_independent_of_each_other_and_of_control() {
    let both = users().filter(|user| in_holdout("a", user, 0.3) && in_holdout("b", user, 0.3)).count();
    assert_share(both, 0.09);
    assert_share(users().filter(|user| in_holdout("a", user, 0.3) && in_control(user, 0.3)).count(), 0.09);
}

#[test]
fn variants_have_about_their_weights() {
    let weights = [2.0, 1.0, 0.5, 0.5];
    let drawn: Vec<usize> = users().filter_map(|user| variant("c", &user, weights.into_iter())).collect();
    for (index, share) in [0.5, 0.25, 0.125, 0.125].into_iter().enumerate() {
        assert_share(drawn.iter().filter(|found| **found == index).count(), share);
    }
}

#[test]
fn a_variant_alone_is_everybodys_and_of_none_there_is_none() {
    assert!(users().all(|user| variant("c", &user, [0.001].into_iter()) == Some(0)));
    assert_eq!(variant("c", "u", [].into_iter()), None);
}

#[test]
fn draws_are_fixed_for_good() {
    // From the reference values of xxh3_64: they may never change, or running tests change groups.
    assert_eq!(share("").to_bits(), (0x2D06_8005_38D3_94C2_u64 as f64 / 2f64.powi(64)).to_bits());
    let in_tenth: Vec<String> = users().filter(|user| in_control(user, 0.001)).collect();
    assert_eq!(in_tenth.len(), users().filter(|user| share(&format!("control:{user}")) < 0.001).count());
}
