//! What holds of budgets at every position of any log: no more is spent and reserved than the limit, but for settlements that were
//! told; and what was granted is spent, open or freed.

use proptest::prelude::*;

use super::*;
use rekindle_core::budgets::BudgetChangeKind;
use rekindle_core::partition::OutputKind;
use rekindle_core::time::Span;

/// Midnight in Tokyo is at 15:00 UTC.
const BUDGETS: &str = r#"
timezone = "Asia/Tokyo"
[events]
want = "Want"
note = "Note"
order = "Order Completed"
[[budgets]]
id = "ever"
limit = 10
[[budgets]]
id = "daily"
limit = 9
per = "day"
[[campaigns]]
id = "coupon"
on = "event:want"
channel = "email"
spends = [{ budget = "ever", cost = "3" }, { budget = "daily", cost = "2" }]
settle = { on = "order", amount = "event.discount", within = "10m" }
[[campaigns]]
id = "note"
on = "event:note"
channel = "email"
spends = [{ budget = "daily", cost = "1" }]
"#;

/// The limit of the budget `ever`, and what a coupon reserves of each budget, in millionths.
const EVER: i128 = 10_000_000;
const COUPON_COSTS: [i128; 2] = [3_000_000, 2_000_000];

const USERS: [&str; 5] = ["u0", "u1", "u2", "v0", "v1"];

/// What the outputs say of a budget, in millionths.
#[derive(Clone, Copy, Debug, Default)]
struct ToldAmounts {
    granted: i128,
    spent: i128,
    freed: i128,
    /// What settlements spent beyond what was reserved.
    overdrawn: i128,
}

/// One line of a log.
#[derive(Clone, Debug)]
struct LogStep {
    user: usize,
    what: u8,
    after_ms: i64,
    late_ms: i64,
    discount: i64,
}

impl LogStep {
    fn forgets(&self) -> bool {
        self.what == 9
    }

    fn line(&self, now: i64) -> String {
        let (user, time) = (USERS[self.user], Timestamp(now - self.late_ms));
        let call = |event: &str| {
            format!(
                r#"{{"type":"track","event":"{event}","userId":"{user}","timestamp":"{time}","properties":{{"discount":{}}}}}"#,
                self.discount
            )
        };
        match self.what {
            0..4 => call("Want"),
            4..6 => call("Note"),
            6..9 => call("Order Completed"),
            9 => format!(r#"{{"user":"{user}"}}"#),
            _ => format!(r#"{{"type":"identify","userId":"u0","anonymousId":"v0","timestamp":"{time}"}}"#),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<LogStep>> {
    let after = prop_oneof![0..900_i64, 0..5_000_i64, 0..400_000_i64];
    let late = prop_oneof![3 => Just(0), 1 => 0..700_000_i64];
    let step = (0..USERS.len(), 0..11_u8, after, late, -1..6_i64);
    let step =
        step.prop_map(|(user, what, after_ms, late_ms, discount)| LogStep { user, what, after_ms, late_ms, discount });
    prop::collection::vec(step, 1..80)
}

impl ToldAmounts {
    fn add(told: &mut [ToldAmounts; 2], outputs: &[Output]) {
        for output in outputs {
            let OutputKind::Budget(change) = &output.decided else { continue };
            let at = usize::from(change.budget.0);
            let (told, amount) = (&mut told[at], change.amount.millionths());
            match change.change {
                BudgetChangeKind::Spent => {
                    told.granted += amount;
                    told.spent += amount;
                }
                BudgetChangeKind::Reserved => told.granted += amount,
                BudgetChangeKind::Settled => {
                    told.spent += amount;
                    told.freed += COUPON_COSTS[at] - amount;
                    told.overdrawn += (amount - COUPON_COSTS[at]).max(0);
                }
                BudgetChangeKind::Released => told.freed += amount,
            }
        }
    }
}

/// What a user has reserved of each budget; `None`: nobody has this id.
fn open_of(pipeline: &Pipeline, user: &str) -> Option<[i128; 2]> {
    let mut open = [0; 2];
    for (budget, cost) in pipeline.report(user)?.reservations.into_iter().flat_map(|reservation| reservation.costs) {
        open[usize::from(budget == "daily")] += cost.millionths();
    }
    Some(open)
}

/// What the users have reserved of each budget.
fn open(pipeline: &Pipeline) -> [i128; 2] {
    let of_users = USERS.iter().filter_map(|user| open_of(pipeline, user));
    of_users.fold([0; 2], |sum, open| [sum[0] + open[0], sum[1] + open[1]])
}

fn check(pipeline: &Pipeline, told: &[ToldAmounts; 2]) -> Result<(), TestCaseError> {
    let open = open(pipeline);
    for (told, open) in told.iter().zip(open) {
        prop_assert_eq!(
            told.granted,
            told.spent + open + told.freed,
            "granted is not spent + open + freed: {:?}",
            told
        );
    }
    prop_assert!(told[0].spent + open[0] <= EVER + told[0].overdrawn, "{} open, {:?}", open[0], told[0]);
    let history = pipeline.budgets().and_then(|book| book.history()).expect("it is kept");
    let periods = history.report(&pipeline.plan().rules, pipeline.watermark());
    for period in periods.iter().filter(|period| period.budget == "daily") {
        let used = period.spent.millionths() + period.reserved.millionths();
        prop_assert!(used <= period.limit.millionths(), "{:?}", period);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn limits_hold_and_what_was_granted_is_spent_or_open_or_freed(steps in steps(), partitions in 1..5_usize) {
        let options = PipelineOptions { workers: 1, partitions, clock: Clock::Events, max_disorder: Span(0), ..PipelineOptions::default() };
        let mut pipeline = Pipeline::new(plan(BUDGETS), options).expect("threads start");
        pipeline.keep_budget_history();
        let (mut told, mut now) = ([ToldAmounts::default(); 2], at("12:00:00").0);
        for step in &steps {
            now += step.after_ms;
            let (line, mut outputs) = (step.line(now), Vec::new());
            let before = USERS.map(|user| open_of(&pipeline, user));
            pipeline.feed_entries(&[entry("23:59:59", &line)], &mut |_| {}, &mut outputs);
            ToldAmounts::add(&mut told, &outputs);
            if step.forgets() {
                prop_assert!(outputs.is_empty(), "forgetting has no output: {:?}", outputs);
                for (user, before) in USERS.into_iter().zip(before) {
                    let freed = before.filter(|_| pipeline.report(user).is_none()).unwrap_or_default();
                    told.iter_mut().zip(freed).for_each(|(told, freed)| told.freed += freed);
                }
            }
            check(&pipeline, &told)?;
        }
        let mut outputs = Vec::new();
        pipeline.advance_to(Timestamp(now + 3_600_000), &mut outputs);
        ToldAmounts::add(&mut told, &outputs);
        check(&pipeline, &told)?;
        prop_assert_eq!(open(&pipeline), [0; 2], "whatever is never settled is free again");
        let book = pipeline.budgets().expect("there are budgets");
        for (budget, told) in (0..).map(rekindle_core::rules::ruleset::BudgetId).zip(told) {
            prop_assert_eq!(book.account(budget).map(|account| account.granted), Some(told.granted));
        }
    }
}
