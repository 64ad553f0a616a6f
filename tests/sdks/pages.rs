//! The SDKs for browsers, in a page of another origin than the collector's: trips end in the same segments, what each loses is
//! known, and the scripts that `rekindle init` writes work.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use rekindle_test_kit::{binary, npm, optional};

use crate::browser::Browser;
use crate::faulty_proxy::{FaultyProxy, ProxyFault};
use crate::shop::{SEGMENTS, TestShop, TripLog};
use crate::website::TestWebsite;
use rekindle_test_kit::daemon::collector::WEB;

const PACKAGES: [&str; 8] = [
    "@segment/analytics-next@1.84.3",
    "@rudderstack/analytics-js@3.34.1",
    "@jitsu/js@1.11.0",
    "posthog-js@1.449.2",
    "mixpanel-browser@2.83.0",
    "@amplitude/analytics-browser@2.48.1",
    "@snowplow/browser-tracker@4.10.1",
    "sa-sdk-javascript@1.27.11",
];

/// What the page calls them, and the segments that their trips end in.
const SDKS: [(&str, &[&str]); 9] = [
    ("segment", &SEGMENTS),
    ("segment_batching", &SEGMENTS),
    ("rudder", &SEGMENTS),
    ("jitsu", &SEGMENTS),
    ("posthog", &SEGMENTS),
    ("mixpanel", &SEGMENTS),
    ("amplitude", &SEGMENTS),
    // It has no traits.
    ("snowplow", &["looked_twenty_times", "bought_what_was_added", "bought_one_thing"]),
    // It takes no lists of objects.
    ("sensors", &["looked_twenty_times", "bought_what_was_added", "gold"]),
];

/// What browsers meet: a slow answer costs nobody anything, as is known from the SDKs for servers.
const FAULTS: [ProxyFault; 4] =
    [ProxyFault::TooMany, ProxyFault::Unavailable, ProxyFault::LostRequest, ProxyFault::LostAnswer];

/// What these do not send again while the page stays open and nothing else happens on it. docs/http-api.md says so.
const LOSSES: [(&str, &[ProxyFault]); 5] = [
    ("jitsu", TRIES_ONCE),
    ("sensors", TRIES_ONCE),
    ("mixpanel", &[ProxyFault::LostRequest]),
    // To it, 429 is for good.
    ("posthog", &[ProxyFault::TooMany]),
    // With the next event it does.
    ("snowplow", &FAULTS),
];

const TRIES_ONCE: &[ProxyFault] = &[ProxyFault::TooMany, ProxyFault::Unavailable, ProxyFault::LostRequest];

/// How long what does not come is waited for.
const LIMIT: Duration = Duration::from_secs(25);

/// How many browsers run at a time.
const BROWSERS: usize = 3;
/// How many where most of them wait for what does not come.
const WAITING_BROWSERS: usize = 6;

struct BrowserTools {
    browser: Browser,
    modules: PathBuf,
}

pub(crate) fn trials() -> Vec<Trial> {
    let tools = || Ok(BrowserTools { browser: Browser::find()?, modules: npm::modules("sdks-browser", &PACKAGES)? });
    vec![
        optional::trial("a_trip_with_each_sdk_of_browsers_ends_in_the_same_segments", tools(), |tools| {
            undisturbed(&tools)
        }),
        optional::trial(
            "what_sdks_of_browsers_send_again_counts_once_and_the_rest_loses_what_is_known",
            tools(),
            |tools| disturbed(&tools),
        ),
        optional::trial("a_collector_that_is_killed_meanwhile_costs_sdks_of_browsers_nothing", tools(), |tools| {
            restarted(&tools)
        }),
        optional::trial("each_script_that_init_writes_sends_what_happens", tools(), |tools| scripts(&tools)),
    ]
}

/// Opens the page of a trip, and stays until the log has all of it, or the limit is over.
fn trip(shop: &TestShop, tools: &BrowserTools, website: &TestWebsite, url: &str, (sdk, user): (&str, &str)) -> TripLog {
    let page = format!("{}/shop.html?sdk={sdk}&url={url}&key={WEB}&user={user}", website.url());
    let page = tools.browser.hold(&page, &["until window.done"]);
    let has_traits = sdk != "snowplow";
    let began = Instant::now();
    let log = loop {
        match shop.log_of(user, has_traits) {
            TripLog::Lacks(_) if began.elapsed() < LIMIT => std::thread::sleep(Duration::from_millis(90)),
            log => break log,
        }
    };
    page.leave();
    log
}

/// Does something for each, this many at a time.
fn for_each<T: Copy + Sync + Send, R: Send>(all: &[T], at_a_time: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_a_time)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    while let Some(one) = all.get(next.fetch_add(1, std::sync::atomic::Ordering::AcqRel)) {
                        done.push(work(*one));
                    }
                    done
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    })
}

fn undisturbed(tools: &BrowserTools) {
    let shop = TestShop::open("");
    let website = TestWebsite::open(tools.modules.clone(), BTreeMap::new());
    let url = format!("http://127.0.0.1:{}", shop.port());
    for_each(&SDKS, BROWSERS, |(sdk, segments)| {
        let user = format!("user-{sdk}");
        assert_eq!(trip(&shop, tools, &website, &url, (sdk, &user)), TripLog::Whole, "{sdk}");
        shop.wait_for_segments(&user, segments);
    });
}

fn disturbed(tools: &BrowserTools) {
    let shop = TestShop::open("");
    let website = TestWebsite::open(tools.modules.clone(), BTreeMap::new());
    let all: Vec<_> = SDKS.iter().flat_map(|sdk| FAULTS.map(|fault| (*sdk, fault))).collect();
    let losses = for_each(&all, WAITING_BROWSERS, |((sdk, segments), fault)| {
        let user = format!("user-{sdk}-{fault:?}");
        let proxy = FaultyProxy::before(shop.port(), Some(fault));
        let log = trip(&shop, tools, &website, &proxy.url(), (sdk, &user));
        eprintln!("{sdk} {fault:?}: {log:?} after {} requests", proxy.requests());
        assert!(proxy.requests() > 0, "{sdk} did not use the proxy");
        if log == TripLog::Whole {
            shop.wait_for_segments(&user, segments);
        }
        (log != TripLog::Whole).then_some((sdk, fault))
    });
    let losses: BTreeSet<(&str, ProxyFault)> = losses.into_iter().flatten().collect();
    let known = LOSSES.iter().flat_map(|(sdk, faults)| faults.iter().map(|fault| (*sdk, *fault))).collect();
    assert_eq!(losses, known);
}

/// Through a proxy that waits for the collector to be back, as a balancer does.
fn restarted(tools: &BrowserTools) {
    let mut shop = TestShop::open("");
    let website = TestWebsite::open(tools.modules.clone(), BTreeMap::new());
    let proxy = FaultyProxy::before(shop.port(), None);
    let is_persistent =
        |sdk: &str| LOSSES.iter().all(|(losing, faults)| *losing != sdk || *faults == [ProxyFault::TooMany]);
    let persistent: Vec<_> = SDKS.iter().filter(|(sdk, _)| is_persistent(sdk)).collect();
    let page = |sdk: &str| {
        let url = format!("{}/shop.html?sdk={sdk}&url={}&key={WEB}&user=user-{sdk}", website.url(), proxy.url());
        tools.browser.hold(&url, &["until window.done"])
    };
    let first = page(persistent[0].0);
    shop.wait_for_first(&format!("user-{}", persistent[0].0));
    std::thread::scope(|scope| {
        let others: Vec<_> = persistent[1..].iter().map(|(sdk, _)| scope.spawn(|| page(sdk))).collect();
        shop.restart_collector();
        let others: Vec<_> = others.into_iter().map(|page| page.join().expect("no panic")).collect();
        for (sdk, segments) in persistent {
            shop.wait_for_segments(&format!("user-{sdk}"), segments);
        }
        others.into_iter().chain([first]).for_each(|page| page.leave());
    });
}

/// What a script is called with, by the SDK's name.
const CALLS: [(&str, &str); 4] = [
    ("none", "rekindle.identify('u-none', {plan: 'gold'}); rekindle.track('Product Viewed', {product_id: 'p1'})"),
    (
        "segment",
        "analytics.identify('u-segment', {plan: 'gold'}); analytics.track('Product Viewed', {product_id: 'p1'})",
    ),
    (
        "rudderstack",
        "rudderanalytics.identify('u-rudderstack', {plan: 'gold'}); rudderanalytics.track('Product Viewed', {product_id: 'p1'})",
    ),
    ("posthog", "posthog.identify('u-posthog', {plan: 'gold'}); posthog.capture('Product Viewed', {product_id: 'p1'})"),
];

fn scripts(tools: &BrowserTools) {
    let folder = tempfile::tempdir().expect("a folder");
    // The port is known only when the collector runs, and its keys before: the proxy is what pages see.
    let port = rekindle_test_kit::free_port();
    let (mut keys, mut pages) = (String::new(), BTreeMap::new());
    for (sdk, calls) in CALLS {
        let mut init = Command::new(binary("rekindle"));
        init.args(["init", "--yes", "--dir", sdk, "--sdk", sdk, "--collect-url", &format!("http://127.0.0.1:{port}")]);
        let output = init.current_dir(folder.path()).output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let settings = fs::read_to_string(folder.path().join(sdk).join("rekindle.toml")).expect("settings");
        let hash = settings.lines().find(|line| line.starts_with("sha256 = ")).expect("a hash");
        keys += &format!("[collect.keys.{sdk}]\n{hash}\nidentify = true\n");
        let snippet = fs::read_to_string(folder.path().join(sdk).join("snippet.html")).expect("a script");
        // From here, in the versions that the tests have.
        let local = PACKAGES.iter().fold(snippet, |snippet, package| {
            let (name, _) = package.rsplit_once('@').expect("a version");
            snippet.replace(&format!("https://cdn.jsdelivr.net/npm/{package}/"), &format!("modules/{name}/"))
        });
        assert!(!local.contains("https://cdn"), "another version than the tests have: {local}");
        pages.insert(format!("{sdk}.html"), format!("{local}<script>{calls}</script>"));
    }
    let shop = TestShop::open_at(port, &keys);
    let website = TestWebsite::open(tools.modules.clone(), pages);
    for_each(&CALLS, BROWSERS, |(sdk, _)| {
        let page = tools.browser.hold(&format!("{}/{sdk}.html", website.url()), &[]);
        shop.wait_for_segments(&format!("u-{sdk}"), &["gold"]);
        shop.wait_for_event(&format!("u-{sdk}"), "Product Viewed");
        page.leave();
    });
}
