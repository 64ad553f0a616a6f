//! The view against the outputs that it is made of.

use serde_json::json;

use super::*;
use crate::pipeline::{Pipeline, PipelineOptions};
use rekindle_core::partition::Cause;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;

fn view() -> MembershipView {
    let text = "[events]\na = 'A'\n[[segments]]\nid = 's'\nwhen = 'total(a) > 0'\n[[segments]]\nid = 't'\nwhen = 'total(a) > 1'\n";
    let rules = rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"));
    MembershipView::new(Arc::new(ExecutionPlan::new(rules)), std::iter::empty())
}

fn output(user: &str, decided: OutputKind) -> Output {
    Output { at: Timestamp(0), user: user.into(), position: 0, decided }
}

fn change(user: &str, segment: u16, change: TransitionKind) -> Output {
    output(user, OutputKind::Transition { segment: SegmentId(segment), change, key: None, cause: Cause::Time })
}

#[test]
fn the_view_has_the_segments_of_every_user() {
    let view = view();
    view.update(&[
        change("u", 1, TransitionKind::Enter),
        change("u", 0, TransitionKind::Enter),
        change("v", 0, TransitionKind::Enter),
    ]);
    assert_eq!((view.segments_of("u"), view.len()), (vec!["s".to_owned(), "t".to_owned()], 2));
    view.update(&[change("u", 0, TransitionKind::Exit), change("v", 0, TransitionKind::Exit)]);
    assert_eq!((view.segments_of("u"), view.segments_of("v"), view.len()), (vec!["t".to_owned()], vec![], 1));
    view.update(&[output("w", OutputKind::Merged { from: "u".into() })]);
    assert!(view.is_empty());
    view.update(&[change("u", 1, TransitionKind::Enter)]);
    let mut user = User::new("u".into(), Timestamp(0));
    view.set(&user.id, Some(&user));
    assert!(view.is_empty(), "a user in no segment is not stored");
    user.profile.members.set(SegmentId(0), true);
    view.set(&user.id, Some(&user));
    assert_eq!(view.segments_of("u"), ["s"]);
    view.set(&user.id, None);
    assert!(view.is_empty());
}

#[test]
fn pages_return_every_user_of_the_segment_once() {
    let view = view();
    for user in 0..1_000 {
        view.update(&[change(&format!("u{user}"), user % 2, TransitionKind::Enter)]);
    }
    for limit in [1, 3, 100, 499, 500, 501] {
        let mut from = MembershipCursor { part: 0, after: String::new() };
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = view.users_in("t", &from, limit).expect("a segment");
            assert!(page.users.len() <= limit);
            all.extend(page.users.iter().map(|member| member.user.to_string()));
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        all.sort();
        let mut expected: Vec<String> = (0..500).map(|n| format!("u{}", n * 2 + 1)).collect();
        expected.sort();
        assert_eq!(all, expected, "limit {limit}");
    }
    assert_eq!(view.users_in("nothing", &MembershipCursor { part: 0, after: String::new() }, 1), None);
}

/// A view of users whose carts are in segments of carts, fed by a pipeline.
struct Carts {
    pipeline: Pipeline,
    view: MembershipView,
    second: u64,
}

impl Carts {
    fn new() -> Carts {
        let rules = "[events]\nadd = 'Add'\n[per.cart]\nkey = 'cart'\nttl = '1h'\nmax = 3\n\
                     [[segments]]\nid = 'keen'\nwhen = 'total(add) >= 3'\n\
                     [[segments]]\nid = 'full'\nper = 'cart'\nwhen = 'total(add) >= 2'\n\
                     [[segments]]\nid = 'any'\nper = 'cart'\nwhen = 'total(add) >= 1'\n";
        let rules = rules::compile(rules).unwrap_or_else(|problems| panic!("{problems:?}"));
        let options = PipelineOptions { workers: 1, partitions: 2, ..PipelineOptions::default() };
        let pipeline = Pipeline::new(Arc::new(ExecutionPlan::new(rules)), options).expect("threads start");
        let view = MembershipView::new(Arc::clone(pipeline.plan()), pipeline.users());
        Carts { pipeline, view, second: 0 }
    }

    fn feed(&mut self, call: serde_json::Value) {
        self.second += 1;
        let mut call = call;
        let time = Timestamp(1_772_701_200_000 + 1_000 * i64::try_from(self.second).expect("small"));
        call["timestamp"] = time.to_string().into();
        let mut outputs = Vec::new();
        self.pipeline.feed(call.to_string().as_bytes(), &mut |_| {}, &mut outputs);
        self.view.update(&outputs);
    }

    /// A view that is made again has the same in it.
    fn check(&self) {
        let again = MembershipView::new(Arc::clone(self.pipeline.plan()), self.pipeline.users());
        assert_eq!(everything(&self.view), everything(&again));
    }

    fn add(&mut self, user: &str, cart: &str) {
        self.feed(json!({"type": "track", "event": "Add", "userId": user, "properties": {"cart": cart}}));
    }

    fn keys_of(&self, user: &str) -> Vec<String> {
        let KeysBySegment { segments, left_off: 0 } = self.view.keys_of(user, 100) else { panic!("all are shown") };
        segments.iter().map(|SegmentKeys { segment, keys }| format!("{segment} {}", keys.join(","))).collect()
    }
}

fn everything(view: &MembershipView) -> Vec<Vec<SegmentMember>> {
    let start = MembershipCursor { part: 0, after: String::new() };
    let all = |segment: &str| {
        let mut users = view.users_in(segment, &start, usize::MAX).expect("a segment").users;
        users.sort_by(|a, b| a.user.cmp(&b.user));
        users
    };
    ["keen", "full", "any"].map(all).to_vec()
}

#[test]
fn the_view_has_the_keys_of_every_user() {
    let mut carts = Carts::new();
    for cart in ["b", "a", "a", "c"] {
        carts.add("u", cart);
    }
    assert_eq!(
        (carts.view.segments_of("u"), carts.keys_of("u")),
        (vec!["keen".to_owned()], vec!["full a".into(), "any a,b,c".into()])
    );
    carts.add("u", "d");
    assert_eq!(carts.keys_of("u"), ["full a", "any a,c,d"], "b is one too many");
    carts.check();
    let shown = carts.view.keys_of("u", 2);
    assert_eq!((shown.segments.len(), shown.left_off), (2, 2));
    carts.add("v", "a");
    assert_eq!((carts.view.len(), carts.keys_of("v")), (2, vec!["any a".to_owned()]));
    carts.feed(json!({"type": "track", "event": "Add", "anonymousId": "x", "properties": {"cart": "a"}}));
    assert_eq!((carts.view.len(), carts.keys_of("x")), (3, vec!["any a".to_owned()]));
    carts.feed(json!({"type": "identify", "userId": "v", "anonymousId": "x"}));
    assert_eq!((carts.keys_of("x").len(), carts.keys_of("v")), (0, vec!["full a".to_owned(), "any a".into()]));
    carts.check();
    carts.second += 10_000;
    for user in ["u", "v"] {
        carts.feed(json!({"type": "identify", "userId": user}));
        assert_eq!(carts.keys_of(user), [""; 0], "an hour is over");
    }
    carts.check();
    assert_eq!(carts.view.len(), 1, "only one is keen");
    carts.view.set(&"u".into(), None);
    assert_eq!((carts.view.segments_of("u").len(), carts.view.is_empty()), (0, true));
}

#[test]
fn pages_of_keys_are_bounded_by_keys_and_split_no_user() {
    let mut carts = Carts::new();
    for user in 0..40 {
        for cart in 0..=user % 3 {
            carts.add(&format!("u{user}"), &format!("c{cart}"));
        }
    }
    for limit in [1, 2, 7, 1_000] {
        let mut from = MembershipCursor { part: 0, after: String::new() };
        let mut all = Vec::new();
        loop {
            let page = carts.view.users_in("any", &from, limit).expect("a segment");
            let keys: usize = page.users.iter().map(|member| member.keys.len()).sum();
            assert!(keys <= limit || page.users.len() == 1, "{keys} keys of {limit}");
            all.extend(page.users);
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        all.sort_by(|a, b| a.user.cmp(&b.user));
        assert_eq!(all, everything(&carts.view)[2], "limit {limit}");
        assert_eq!((all.len(), all.iter().map(|member| member.keys.len()).sum::<usize>()), (40, 79));
    }
}
