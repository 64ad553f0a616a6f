//! Teams, bargains and invitations, at the rates that are stated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::*;
use crate::friends::{BARGAIN_ENDS, CHEATS, HELPERS, INVITATIONS, INVITED, TEAM_FILLS};

const HOUR: i64 = 3_600_000;

fn three_months() -> &'static [Value] {
    static EVENTS: OnceLock<Vec<Value>> = OnceLock::new();
    EVENTS.get_or_init(|| events(17, 3_000, 90))
}

/// The times, users and devices of a name's events for each value of a property, each event once.
fn by_key<'e>(events: &'e [Value], name: &str, property: &str) -> BTreeMap<&'e str, Vec<(i64, &'e str, &'e str)>> {
    let (mut found, mut seen) = (BTreeMap::<&str, Vec<_>>::new(), HashSet::new());
    for event in events.iter().filter(|event| text(event, "/event") == name) {
        if seen.insert(text(event, "/messageId")) {
            let who = (time(event), text(event, "/userId"), text(event, "/properties/device_id"));
            found.entry(text(event, &format!("/properties/{property}"))).or_default().push(who);
        }
    }
    found.values_mut().for_each(|who| who.sort_unstable());
    found
}

#[test]
fn teams_fill_fail_and_cheat_at_the_stated_rates() {
    let events = three_months();
    let teams = by_key(events, "Team Joined", "group_id");
    let (mut all, mut full, mut cheated) = (0, 0, 0);
    for joins in teams.values().filter(|joins| joins[0].0 < START.0 + 88 * DAY) {
        let users: BTreeSet<_> = joins.iter().map(|join| join.1).collect();
        let devices: BTreeSet<_> = joins.iter().map(|join| join.2).collect();
        assert_eq!(users.len(), joins.len(), "nobody joins twice");
        assert!(joins.len() <= 3 && joins[joins.len() - 1].0 - joins[0].0 <= 22 * HOUR, "{joins:?}");
        all += 1;
        cheated += usize::from(users.len() == 3 && devices.len() == 1);
        full += usize::from(users.len() == 3 && devices.len() == 3);
    }
    let honest = (1.0 - CHEATS) * TEAM_FILLS;
    assert!(all > 400, "{all} teams");
    assert!(
        (share(full, all) - honest).abs() < 0.06 && (share(cheated, all) - CHEATS).abs() < 0.03,
        "{full} {cheated}"
    );
}

#[test]
fn bargains_find_their_helpers_at_the_stated_rate() {
    let events = three_months();
    let (started, helped) =
        (by_key(events, "Bargain Started", "bargain_id"), by_key(events, "Bargain Helped", "bargain_id"));
    let (mut all, mut full, mut twice) = (0, 0, 0);
    for (bargain, start) in started.iter().filter(|(_, start)| start[0].0 < START.0 + 87 * DAY) {
        let helps = helped.get(bargain).map_or(&[][..], Vec::as_slice);
        let helpers: BTreeSet<_> = helps.iter().map(|help| help.1).collect();
        assert!(!helpers.contains(start[0].1) && helpers.len() <= HELPERS, "{helps:?}");
        all += 1;
        full += usize::from(helpers.len() == HELPERS);
        twice += usize::from(helpers.len() < helps.len());
    }
    assert!(all > 250 && (share(full, all) - BARGAIN_ENDS).abs() < 0.08, "{full} of {all}");
    assert!(twice > 40, "{twice} with somebody who helps twice");
}

#[test]
fn new_visitors_come_by_invitation_at_the_stated_rate_and_say_so() {
    let events = events(19, 3_000, 60);
    let sent = by_key(&events, "Invitation Sent", "code");
    let accepted = by_key(&events, "Invitation Accepted", "code");
    let followed: BTreeSet<&str> = sent.keys().copied().filter(|code| code.matches('-').count() == 1).collect();
    assert!((share(followed.len(), sent.len()) - 1.0 / INVITATIONS as f64).abs() < 0.05, "{}", sent.len());
    // Visits of those who were never here before, by how they came: established customers are signed in.
    let (mut first, mut invited) = (BTreeSet::new(), 0);
    for page in events.iter().filter(|event| text(event, "/type") == "page") {
        if text(page, "/userId").is_empty() && first.insert(text(page, "/anonymousId")) {
            invited += usize::from(text(page, "/context/campaign/medium") == "invitation");
        }
    }
    assert!(invited > 200 && invited <= followed.len(), "{invited} of {}", followed.len());
    let new = events.iter().filter(|event| text(event, "/event") == "Signed Up").count();
    assert!((share(accepted.len(), new) - INVITED).abs() < 0.07, "{} of {new} who signed up", accepted.len());
    let mut by_traits = BTreeSet::new();
    for identify in events.iter().filter(|event| text(event, "/type") == "identify") {
        let code = text(identify, "/traits/invited_by");
        if !code.is_empty() {
            by_traits.insert(code);
        }
    }
    for (code, accepts) in &accepted {
        assert!(followed.contains(code) && by_traits.contains(code) && accepts.len() == 1, "{code}");
        let invite = sent[code][0];
        assert!(invite.0 < accepts[0].0 && invite.1 != accepts[0].1 && invite.2 != accepts[0].2, "{code}");
    }
}
