//! Groups, and those in a segment, where the rules have them.

use std::fs;

use serde_json::{Value, json};

use super::open;
use super::users::assert_documented;
use crate::api_server::{Api, RULES, track};

const GROUPS: &str = r#"
[groups.team]
key = "group_id"
ttl = "30d"

[[segments]]
id = "team_open"
of = "team"
when = "distinct(join.user, '1d') < 3"

[[segments]]
id = "team_full"
of = "team"
when = "distinct(join.user, '1d') >= 3"

[[campaigns]]
id = "team_price"
on = "event:team_done"
channel = "push"
"#;

fn rules() -> String {
    let names = "[events]\njoin = \"Join\"\nteam_done = { of = \"team\", on = \"enter:team_full\", to = \"join\" }";
    format!("{}{GROUPS}", RULES.replace("[events]", names))
}

fn open_with_groups() -> Api {
    let api = open();
    fs::write(&api.rules.path, rules()).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api
}

fn join(user: &str, team: &str) -> String {
    json!({"type": "track", "event": "Join", "userId": user, "properties": {"group_id": team}}).to_string()
}

/// Lines, after which so much time passes that the watermark passes them, and the seconds that they are in.
fn feed(api: &Api, lines: &[String]) {
    let passing = (0..10).map(|_| track("clock", "Nothing", 0));
    api.feed(&lines.iter().cloned().chain(passing).collect::<Vec<_>>());
}

#[test]
fn a_group_is_described_with_its_people_and_what_is_due() {
    let api = open_with_groups();
    api.get("/v1/groups/team/t%2F1").problem(404);
    let visitor = json!({"type": "track", "event": "Join", "anonymousId": "anon", "properties": {"group_id": "t/1"}});
    let linked = json!({"type": "identify", "anonymousId": "anon", "userId": "u"});
    feed(&api, &[visitor.to_string(), linked.to_string(), join("v", "t/1"), join("u", "t/1")]);
    let group = api.get("/v1/groups/team/t%2F1").json();
    assert_documented(&api, "Group", &group);
    // Both ids of one person count, and stand for the one user who is told.
    assert_eq!(group["members"], json!([{"name": "join", "users": ["u", "v"]}]));
    let features = json!([
        {"feature": "distinct(join.user, 1d)", "value": 3}, {"feature": "idle()", "value": 5_000},
        {"feature": "age()", "value": 8_000}
    ]);
    assert_eq!((&group["of"], &group["key"]), (&json!("team"), &json!("t/1")));
    assert_eq!((&group["segments"], &group["features"]), (&json!(["team_full"]), &features));
    assert_eq!(group["latest_match"], "2026-03-05T09:00:03.000Z");
    assert_eq!(group["forgotten_at"], "2026-04-04T09:00:03.000Z");
    let [open, full] = group["conditions"].as_array().expect("a list").as_slice() else { panic!("{group}") };
    assert_eq!((&open["segment"], &open["is_in"]), (&json!("team_open"), &json!(false)));
    assert_eq!((&full["segment"], &full["is_in"]), (&json!("team_full"), &json!(true)));
    let operand = &full["condition"]["operands"][0];
    assert_eq!((&operand["text"], &operand["value"]), (&json!("distinct(join.user, 1d)"), &json!(3)));
    // What is due first is the end of the day of the first join.
    assert_eq!(group["next_wake_up"], full["condition"]["until"]);
    api.get("/v1/groups/nothing/t%2F1").problem(404);
    api.get("/v1/groups/team/t").problem(404);
    api.get("/v1/groups/team/%ff").problem(400);
}

#[test]
fn segments_of_groups_list_the_keys_of_groups() {
    let api = open_with_groups();
    let joins: Vec<String> = (0..25).flat_map(|team| [join("u", &format!("t{team:02}")), join("v", "full")]).collect();
    feed(&api, &[joins, vec![join("w", "full"), join("x", "full")]].concat());
    let segments = api.get("/v1/segments").json();
    assert_documented(&api, "Segments", &segments);
    let of_groups: Vec<&Value> =
        segments["segments"].as_array().expect("a list").iter().filter(|one| one["of"] == "team").collect();
    assert_eq!(of_groups.iter().map(|one| one["users"].clone()).collect::<Vec<_>>(), [json!(25), json!(1)]);
    let full = api.get("/v1/segments/team_full/groups").json();
    assert_documented(&api, "SegmentGroups", &full);
    assert_eq!(full, json!({"segment": "team_full", "groups": ["full"], "next": null}));
    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = api.get(&format!("/v1/segments/team_open/groups?limit=10{cursor}")).json();
        found.extend(page["groups"].as_array().expect("a list").clone());
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((found.len(), pages, &found[0], &found[24]), (25, 3, &json!("t00"), &json!("t24")));
    api.get("/v1/segments/seen/groups").problem(404);
    api.get("/v1/segments/nothing/groups").problem(404);
    api.get("/v1/segments/team_open/groups?cursor=!").problem(400);
    let detail = api.get("/v1/segments/team_full/users").problem(404);
    assert!(detail.contains("/groups"), "{detail}");
    let history = api.get("/v1/segments/team_full/history").json();
    assert_eq!(history["points"][0]["size"], 1, "{history}");
    assert_eq!(api.get("/v1/stats").json()["groups"], json!({"team": 26}));
    assert_documented(&api, "Statistics", &api.get("/v1/stats").json());
}

#[test]
fn the_groups_that_keep_an_id_are_exported_until_it_is_forgotten() {
    let api = open_with_groups();
    let visitor = json!({"type": "track", "event": "Join", "anonymousId": "anon", "properties": {"group_id": "a"}});
    let linked = json!({"type": "identify", "anonymousId": "anon", "userId": "u"});
    feed(&api, &[visitor.to_string(), linked.to_string(), join("u", "b"), join("v", "b"), join("v", "c")]);
    let export = api.get("/v1/users/u?export").json();
    assert_documented(&api, "Export", &export);
    assert_eq!(export["groups"], json!([{"of": "team", "key": "a"}, {"of": "team", "key": "b"}]));
    assert_eq!(api.request("DELETE", "/v1/users/u", "").status, 202);
    for id in ["u", "anon"] {
        api.get(&format!("/v1/users/{id}?export")).problem(404);
    }
    // The group goes on, without the id; its matches stay.
    let group = api.get("/v1/groups/team/b").json();
    assert_eq!(group["members"], json!([{"name": "join", "users": ["v"]}]));
    assert_eq!(api.get("/v1/groups/team/a").json()["members"], json!([{"name": "join", "users": []}]));
}

#[test]
fn a_group_whose_key_is_a_users_id_is_none_of_the_users() {
    let api = open_with_groups();
    feed(&api, &[join("u", "u"), join("v", "u"), join("w", "u"), track("u", "View", 1)]);
    let segments = |user: &str| api.get(&format!("/v1/users/{user}/segments")).json()["segments"].clone();
    assert_eq!((segments("u"), segments("v")), (json!(["seen"]), json!([])));
    let user = api.get("/v1/users/u").json();
    assert_eq!(user["segments"], json!(["seen"]));
    let decided: Vec<&Value> =
        user["decisions"].as_array().expect("a list").iter().map(|one| &one["campaign"]).collect();
    assert_eq!(decided, ["team_price", "reminder"]);
    assert_eq!(api.request("DELETE", "/v1/users/u", "").status, 202);
    api.get("/v1/users/u?export").problem(404);
    // The key is what the shop says that it is: it stays until the group's time is over.
    assert_eq!(api.get("/v1/groups/team/u").json()["members"], json!([{"name": "join", "users": ["v", "w"]}]));
}
