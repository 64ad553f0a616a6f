//! Vectors from an independent computation with 50 digits, and from the papers.

use rstest::rstest;

use super::likelihood::{HistoryCount, SpendHistory, of_purchases, of_spending};
use super::{ModelKind, PurchaseHistory, PurchaseModel, SpendModel};

const fn model(kind: ModelKind, [r, alpha, a, b]: [f64; 4]) -> PurchaseModel {
    PurchaseModel { kind, r, alpha, a, b }
}

/// The parameters of the papers for CDNOW, in weeks.
const BG: PurchaseModel = model(ModelKind::BgNbd, [0.243, 4.414, 0.793, 2.426]);
const MBG: PurchaseModel = model(ModelKind::MbgNbd, [0.525, 6.183, 0.891, 1.614]);

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= expected.abs() * 1e-9
}

#[rstest]
#[case::never_again(BG, (0, 0.0, 38.86), 39.0, 1.0, 0.19509805201126265)]
#[case::of_the_paper(BG, (2, 30.43, 38.86), 39.0, 0.726578570080673, 1.2260281747671444)]
#[case::often(BG, (26, 37.0, 38.86), 39.0, 0.9160992132624003, 16.76512035387068)]
#[case::very_often(BG, (350, 38.0, 38.86), 52.0, 0.2815734044526709, 84.66771161614614)]
#[case::a_hundred_years(BG, (1, 1.71, 38.86), 5000.0, 0.2121009853773791, 3.6904365479596293)]
#[case::for_ever_from_the_first(BG, (0, 0.0, 0.0), 1e6, 1.0, 53.54047825301458)]
#[case::modified_once(MBG, (0, 0.0, 38.86), 39.0, 0.3897350809187629, 0.15401274667514667)]
#[case::modified(MBG, (2, 30.43, 38.86), 39.0, 0.7062022651184873, 1.2629606232673658)]
#[case::modified_very_often(MBG, (350, 38.0, 38.86), 52.0, 0.3144713919984727, 88.38051198717545)]
#[case::modified_for_ever(MBG, (1, 1.71, 2.0), 1e5, 0.7352192427893463, 35.39963671292985)]
#[case::faithful(model(ModelKind::BgNbd, [0.01, 0.1, 3.7, 150.0]), (3, 2.0, 5.0), 4000.0, 0.7397683853212637, 42.526728652754365)]
#[case::frequent(model(ModelKind::MbgNbd, [140.0, 0.2, 0.02, 0.4]), (3, 0.001, 0.002), 1.0, 0.9881805572034943, 642.9076856953386)]
#[case::faithless(model(ModelKind::MbgNbd, [2.0, 3.0, 20.5, 0.5]), (0, 0.0, 1.0), 500.0, 0.013533834586466165, 0.014573822785258357)]
#[case::alike(model(ModelKind::BgNbd, [1e5, 1e5, 0.5, 2.0]), (30, 28.0, 30.0), 10.0, 0.8935107562798436, 8.334829075074492)]
fn scores_are_those_of_exact_computation(
    #[case] model: PurchaseModel,
    #[case] (repeats, recency, age): (u64, f64, f64),
    #[case] time: f64,
    #[case] p_alive: f64,
    #[case] expected: f64,
) {
    let history = PurchaseHistory { repeats, recency, age };
    let found = (model.p_alive(history), model.expected(history, time));
    assert!(near(found.0, p_alive) && found.1.is_some_and(|found| near(found, expected)), "{found:?}");
}

#[test]
fn there_is_no_number_where_there_is_none() {
    let history = PurchaseHistory { repeats: 1, recency: 1.0, age: 2.0 };
    assert_eq!(model(ModelKind::BgNbd, [1.0, 1.0, 1.0, 1.0]).expected(history, 5.0), None, "0 divided by 0");
    let spending = SpendModel { p: 6.25, q: 0.5, gamma: 15.0 };
    assert_eq!(spending.mean(0, 0.0), None, "the mean over all customers is infinite");
    assert!(spending.mean(1, 20.0).is_some());
}

#[test]
fn what_a_purchase_is_worth_lies_between_ones_own_mean_and_all_others() {
    let mean = SpendModel { p: 6.248802496074264, q: 3.744588460923312, gamma: 15.447748064932831 }.mean(2, 44.7);
    assert!(mean.is_some_and(|mean| near(mean, 24.658616189236916)), "{mean:?}");
}

#[test]
fn p_alive_falls_to_nothing_and_never_below() {
    let mut last = 1.0;
    for years in 0..2_000 {
        let p_alive = MBG.p_alive(PurchaseHistory { repeats: 250, recency: 5.0, age: 5.0 + f64::from(years) });
        assert!((0.0..=last).contains(&p_alive), "{p_alive} after {last}");
        last = p_alive;
    }
    assert_eq!(last, 0.0);
}

#[test]
fn the_likelihood_of_the_papers_example_is_that_of_its_formula() {
    let history = PurchaseHistory { repeats: 0, recency: 0.0, age: 38.86 };
    let found = of_purchases(&BG, &[HistoryCount { history, customers: 3 }]);
    // Of one who never bought again it is (alpha / (alpha + T))^r.
    assert!(near(found, 3.0 * 0.243 * (4.414_f64 / 43.274).ln()), "{found}");
}

/// Likelihoods of models at the edge: customers who hardly differ, and those who bought very often.
#[rstest]
#[case::alike(model(ModelKind::BgNbd, [1e6, 1e6, 1e5, 1e6]), (40, 35.0, 40.0))]
#[case::often(BG, (20_000, 38.0, 38.86))]
#[case::modified_often(MBG, (20_000, 38.0, 38.86))]
fn likelihoods_are_numbers(#[case] model: PurchaseModel, #[case] (repeats, recency, age): (u64, f64, f64)) {
    let history = PurchaseHistory { repeats, recency, age };
    let found = of_purchases(&model, &[HistoryCount { history, customers: 1 }]);
    assert!(found.is_finite(), "{found}");
}

#[test]
fn the_likelihood_of_spending_does_not_depend_on_the_currency() {
    let of = |unit: f64| {
        let histories = [(1, 20.0), (1, 35.5), (4, 99.0)];
        let histories = histories.map(|(repeats, spent)| SpendHistory { repeats, spent: spent * unit });
        of_spending(&SpendModel { p: 6.0, q: 3.5, gamma: 15.0 * unit }, &histories) + 3.0 * unit.ln()
    };
    assert!(near(of(100.0), of(1.0)), "{} {}", of(100.0), of(1.0));
}

#[test]
fn who_bought_once_has_an_expectation_where_a_and_b_add_up_to_less_than_1() {
    let model = PurchaseModel { kind: ModelKind::BgNbd, r: 0.525, alpha: 6.183, a: 0.2, b: 0.5 };
    let expected = model.expected(PurchaseHistory { repeats: 0, recency: 0.0, age: 0.0 }, 2_016.0);
    // By numerical integration over the probabilities of leaving.
    assert!(expected.is_some_and(|number| (number / 49.818_115_442_673 - 1.0).abs() < 1e-9), "{expected:?}");
}
