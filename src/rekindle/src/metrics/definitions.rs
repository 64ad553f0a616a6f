//! Every metric: name, kind, labels, help. Nothing else names one, so that scrapes, documents and dashboards can be checked
//! against this table.
//!
//! Labels take only values that the rules or the code name (segments, campaigns, outcomes, reasons, calls), never a
//! user's or an event's own text, so the number of series is bounded.

/// What kind of metric it is, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, until the process restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations by size, to be added up over instances.
    Histogram,
    /// Quantiles that are computed here, and cannot be added up.
    Summary,
}

impl MetricKind {
    /// As in a `# TYPE` line.
    pub fn name(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::Summary => "summary",
        }
    }
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct MetricDefinition {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// Defines the metrics, and the list of all of them.
macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: MetricDefinition =
                MetricDefinition { name: $name, kind: MetricKind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// All of them, in the order of the table.
        pub const ALL: &[MetricDefinition] = &[$($constant),*];
    };
}

metrics! {
    EVENTS: Counter "rekindle_events_total" ["call"] "Events accepted, duplicates included, by call.";
    REJECTED: Counter "rekindle_events_rejected_total" ["reason"] "Events rejected, by reason.";
    LATE: Counter "rekindle_events_late_total" [] "Events whose time was below the watermark; they are still applied where they belong.";
    DUPLICATES: Counter "rekindle_events_duplicate_total" [] "Events ignored because their messageId was already accepted.";
    FROM_FUTURE: Counter "rekindle_events_from_future_total" []
        "Events whose own time was beyond the broker's, and was replaced by it: clients' clocks that are fast.";
    PLACEHOLDER_IDS: Counter "rekindle_placeholder_ids_total" []
        "Placeholder ids (`placeholder_ids`), which count as missing.";
    PASSED_OVER: Counter "rekindle_amounts_passed_over_total" ["event", "property"]
        "Values of summed or averaged properties that were skipped because they are not numbers, by the event's name in the rules and the property.";
    OVERSIZED_VALUES: Counter "rekindle_values_oversized_total" []
        "Values of properties, traits and context that the rules read and that had more than 8 KiB of JSON: they count as missing.";
    TRANSITIONS: Counter "rekindle_transitions_total" ["segment", "change"] "Segment changes, by segment and change.";
    SEGMENT_USERS: Gauge "rekindle_segment_users" ["segment"] "Users in a segment now; keys of users, where the segment has `per`; groups, where it has `of`.";
    KEYS: Gauge "rekindle_keys" ["per"] "Instances of keys now, by `[per.K]`.";
    KEYS_FORGOTTEN: Counter "rekindle_keys_forgotten_total" ["per", "reason"]
        "Instances of keys forgotten, by `[per.K]` and reason: ttl, or max where the user had as many as it may have.";
    PARTNER_SUBJECTS: Gauge "rekindle_partner_subjects" ["partner"] "Subjects that a partner knows now, each as often as it is in a segment.";
    PARTNER_CHANGES: Counter "rekindle_partner_changes_total" ["partner", "change"] "What partners were told: `enter`, `exit`.";
    GROUPS: Gauge "rekindle_groups" ["of"] "Groups now, by `[groups.G]`.";
    GROUPS_OPENED: Counter "rekindle_groups_opened_total" ["of"] "Groups that began with a first match, by `[groups.G]`.";
    GROUPS_FORGOTTEN: Counter "rekindle_groups_forgotten_total" ["of"] "Groups forgotten, `ttl` after their latest match, by `[groups.G]`.";
    NOTICES: Counter "rekindle_notices_total" ["event"]
        "Notices by name of `[events]` with `of` or `rank`: how often groups told something, each time once, however many users it is for; of a rank, how many users were told.";
    NOTICES_DELIVERED: Counter "rekindle_notices_delivered_total" ["event"]
        "Users who got such a notice, each as often as they did; who is not there does not count.";
    TABLE_ROWS: Gauge "rekindle_table_rows" ["table"] "Rows now, by `[tables.T]`.";
    TABLE_BYTES: Gauge "rekindle_table_bytes" ["table"] "Memory of these rows in bytes, about, by `[tables.T]`.";
    TABLE_CALLS: Counter "rekindle_table_calls_total" ["table"] "Calls that were taken as rows, also those that said nothing new, by `[tables.T]`.";
    TABLE_CHANGES: Counter "rekindle_table_changes_total" ["table"]
        "Rows of which other things could be read at the end of a second of the log than before, by `[tables.T]`: these reach users.";
    TABLE_IGNORED: Counter "rekindle_table_calls_ignored_total" ["table"] "Calls for new rows that were ignored since the table had its `max`, by `[tables.T]`.";
    RANK_TAKINGS: Counter "rekindle_rank_takings_total" ["rank"] "How often users were ordered, by `[[ranks]]`.";
    RANKED_USERS: Gauge "rekindle_ranked_users" ["rank"]
        "How many users were ordered at the latest taking of a rank; 0 before the first.";
    PICKS_ITEMS: Gauge "rekindle_picks_items" ["picks"] "Items in the index that stands of a list of `[[picks]]`.";
    PICKS_SESSIONS: Gauge "rekindle_picks_sessions" ["picks"] "Sessions in that index; none where no kind of the list asks about sessions.";
    PICKS_BYTES: Gauge "rekindle_picks_bytes" ["picks"] "Bytes of that index.";
    POINTS: Counter "rekindle_points_total" ["ledger", "change"]
        "Points by ledger and change: earned, spent, refused (asked for), expired. Read as a sum of points, not of changes.";
    POINTS_CHANGES: Counter "rekindle_points_changes_total" ["ledger", "change"]
        "Changes of points, by ledger and change: earned, spent, refused, expired.";
    POINTS_BALANCE: Gauge "rekindle_points_balance" ["ledger"] "Points of all users now, less their debts, by ledger.";
    DECISIONS: Counter "rekindle_decisions_total" ["campaign", "outcome"] "Campaign decisions, by campaign and outcome.";
    VARIANT_WEIGHT: Gauge "rekindle_variant_weight" ["campaign", "variant"]
        "The share of a campaign's variant by the weights that stand: as the rules write them, or as they have adapted.";
    BUDGET_LIMIT: Gauge "rekindle_budget_limit" ["budget"] "The most that may be spent and reserved of a budget in one period.";
    BUDGET_SPENT: Gauge "rekindle_budget_spent" ["budget"] "What is spent of a budget in its current period.";
    BUDGET_RESERVED: Gauge "rekindle_budget_reserved" ["budget"] "What is reserved of a budget in its current period.";
    BUDGET_USED: Gauge "rekindle_budget_used_ratio" ["budget"]
        "The share of a budget's limit that is spent or reserved in its current period; above 1 where a settlement overdrew it.";
    BUDGET_GRANTED: Counter "rekindle_budget_granted_total" ["budget"] "What was granted of a budget, in all periods: an amount, no count.";
    BUDGET_REFUSED: Counter "rekindle_budget_refused_total" ["budget"] "How often a budget lacked what a campaign asked for.";
    BUDGET_SPENT_BY_CAMPAIGN: Gauge "rekindle_budget_spent_by_campaign" ["campaign", "budget"] "What a campaign spent of a budget, in all periods.";
    GOAL_USERS: Gauge "rekindle_goal_users" ["campaign", "goal", "variant", "side"]
        "Users whose exposure to a goal of a campaign is mature, since the log's beginning, by side: treated (of the variant; `*`: all) or control (with the holdout).";
    GOAL_CONVERSIONS: Gauge "rekindle_goal_conversions" ["campaign", "goal", "variant", "side"] "Those of them who reached the goal.";
    GOAL_VALUE: Gauge "rekindle_goal_value" ["campaign", "goal", "variant", "side"] "What that was worth; absent for goals without a value.";
    GOAL_MESSAGES: Gauge "rekindle_goal_messages" ["campaign", "goal", "variant"]
        "Actions that went out to the treated until their exposures were mature.";
    UPLIFT: Gauge "rekindle_uplift" ["campaign", "goal", "variant", "measure"]
        "How much more a treated user does than one of the control: as a share of users who reach the goal, or in value; absent while a side has nobody.";
    UPLIFT_LOW: Gauge "rekindle_uplift_low" ["campaign", "goal", "variant", "measure"]
        "The lower end of its interval, which holds at all times at once; absent before 100 users a side.";
    UPLIFT_HIGH: Gauge "rekindle_uplift_high" ["campaign", "goal", "variant", "measure"] "The upper end.";
    UPLIFT_SINCE: Gauge "rekindle_uplift_since_timestamp_seconds" ["campaign", "goal", "variant", "measure"]
        "Since when the interval has excluded 0; absent while it does not.";
    SAMPLE_RATIO_MISMATCH: Gauge "rekindle_goal_sample_ratio_mismatch" ["campaign", "goal"]
        "1 if the sizes of the groups contradict their shares, so that they cannot be compared.";
    USERS: Gauge "rekindle_users" [] "Users with state.";
    LINKS: Gauge "rekindle_links" [] "Anonymous visitors linked to a user.";
    MERGED: Counter "rekindle_visitors_merged_total" [] "Anonymous visitors whose state was merged into a user's.";
    FORGOTTEN: Counter "rekindle_users_forgotten_total" []
        "Users and visitors forgotten on a request in the log.";
    EXPIRED: Counter "rekindle_users_expired_total" [] "Users dropped after being idle for `state_ttl`.";
    WATERMARK: Gauge "rekindle_watermark_timestamp_seconds" []
        "The log's watermark, in seconds since 1970; absent before the first message.";
    WATERMARK_LAG: Gauge "rekindle_watermark_lag_seconds" []
        "How far the watermark is behind the wall clock; absent before the first message.";
    PENDING_TIMERS: Gauge "rekindle_pending_timers" []
        "Pending timers, stale ones included: a user may have several, of which all but one are stale.";
    STATE: Gauge "rekindle_state_bytes" [] "Bytes of all users' state, counted a partition at a time, of the links of visitors, and of the indexes of picks.";
    QUEUE: Gauge "rekindle_queue_length" ["queue"]
        "Entries in the queues between the parts: batches for the engine, emissions (output batches) for the sink.";
    SOURCE_MESSAGES: Counter "rekindle_source_messages_total" [] "Messages read, ticks included.";
    SOURCE_BYTES: Counter "rekindle_source_bytes_total" [] "Bytes of the messages read.";
    SOURCE_LAG_MESSAGES: Gauge "rekindle_source_lag_messages" []
        "Messages in the stream that were not read yet; absent while unknown, and for a plain subject.";
    SOURCE_LAG: Gauge "rekindle_source_lag_seconds" []
        "How long the message read last had been in the broker; absent before the first message.";
    SOURCE_GAPS: Counter "rekindle_source_gaps_total" [] "Times that the stream's sequence was not contiguous.";
    SOURCE_MISSING: Counter "rekindle_source_missing_messages_total" []
        "Messages that the stream no longer had when they were to be read.";
    SOURCE_RECREATIONS: Counter "rekindle_source_consumer_recreations_total" []
        "Times that the consumer was created again, from the message after the last one read.";
    TICKS_SENT: Counter "rekindle_ticks_sent_total" [] "Ticks put into the log, so that time passes without traffic.";
    TICKS_RECEIVED: Counter "rekindle_ticks_received_total" [] "Ticks read from the log.";
    PUBLISHED: Counter "rekindle_published_messages_total" ["kind"] "Messages that the broker has accepted, by kind.";
    PUBLISH_BATCHES: Counter "rekindle_publish_batches_total" [] "Batches that the broker has accepted.";
    PUBLISH_ERRORS: Counter "rekindle_publish_errors_total" [] "Publishes that failed; each is retried.";
    PUBLISH_RETRIES: Counter "rekindle_publish_retries_total" [] "Publishes that were retried.";
    PUBLISH_OVERSIZED: Counter "rekindle_publish_oversized_total" []
        "Messages larger than the broker accepts, which were not published whole.";
    LETTERS_CUT: Counter "rekindle_dead_letters_cut_total" []
        "Dead letters published with only the beginning of their original, because the broker accepts no larger messages.";
    LETTERS_COUNTED: Counter "rekindle_dead_letters_counted_total" []
        "Rejected events that a dead letter only counts: those of one message behind its first ten.";
    LETTERS_LOST: Counter "rekindle_dead_letters_lost_total" []
        "Dead letters that the broker can never accept, even without their original.";
    ACTION_LATENCY: Histogram "rekindle_action_latency_seconds" []
        "Time from the broker's receipt of an event until the action that it triggered is published; a native histogram where the scraper supports it.";
    ACTION_LATENCY_RECENT: Summary "rekindle_action_latency_recent_seconds" []
        "The same, with quantiles over about the last minute; quantile 1 is the longest.";
    ACTION_LATENCY_SINCE_START: Summary "rekindle_action_latency_since_start_seconds" []
        "The same, with quantiles since the start; quantile 1 is the longest.";
    COMMITTED: Gauge "rekindle_committed_sequence" []
        "All outputs of the log's messages up to this sequence are published.";
    RECOVERING: Gauge "rekindle_recovering" []
        "Whether the log is being replayed up to the committed position: 1, or 0.";
    CHECKPOINTS: Counter "rekindle_checkpoints_total" ["kind"]
        "Valid checkpoints, by kind: of all users (base), or of those changed since the checkpoint before (delta).";
    CHECKPOINT_FAILURES: Counter "rekindle_checkpoint_failures_total" [] "Checkpoints that could not be written.";
    CHECKPOINT_TIME: Gauge "rekindle_checkpoint_timestamp_seconds" []
        "When the last checkpoint became valid, in seconds since 1970; absent before the first.";
    CHECKPOINT_DURATION: Gauge "rekindle_checkpoint_duration_seconds" []
        "How long the last checkpoint took, from the start of its snapshot until it was valid.";
    CHECKPOINT_BYTES: Gauge "rekindle_checkpoint_bytes" [] "Bytes of the last checkpoint.";
    CHECKPOINT_USERS: Gauge "rekindle_checkpoint_users" [] "Users in the last checkpoint.";
    CHECKPOINT_PAUSE: Summary "rekindle_checkpoint_pause_seconds" []
        "How long the engine paused for each checkpoint, since the start; quantile 1 is the longest.";
    COLLECT_CALLS: Counter "rekindle_collect_calls_total" ["source", "answer"]
        "Calls over HTTP, by source and answer: accepted, rejected, throttled, unavailable; those of the last two are sent again.";
    COLLECT_REJECTED: Counter "rekindle_collect_rejected_total" ["reason"] "Calls over HTTP that became dead letters, by reason.";
    COLLECT_REQUESTS: Counter "rekindle_collect_requests_total" ["status"] "Requests to the collector, by the status of the answer.";
    COLLECT_BYTES: Counter "rekindle_collect_bytes_total" [] "Bytes of the bodies of requests to the collector, as they came.";
    COLLECT_DUPLICATES: Counter "rekindle_collect_duplicates_total" []
        "Calls over HTTP that the stream had already, from requests that were sent again; they are not stored twice.";
    COLLECT_IN_FLIGHT: Gauge "rekindle_collect_in_flight" [] "Calls over HTTP that wait for the broker's acknowledgement.";
    COLLECT_ACKNOWLEDGED: Histogram "rekindle_collect_acknowledged_seconds" []
        "Time until the broker has acknowledged all calls of a request; a native histogram where the scraper supports it.";
    DELIVER_MESSAGES: Counter "rekindle_deliver_messages_total" ["destination", "result"]
        "Messages that a destination is done with, by what became of them: delivered, failed, expired, skipped.";
    DELIVER_REQUESTS: Counter "rekindle_deliver_requests_total" ["destination"] "Requests to a destination that were answered or failed.";
    DELIVER_REQUEST_TIME: Histogram "rekindle_deliver_request_seconds" ["destination"]
        "How long the requests to a destination took; a native histogram where the scraper supports it.";
    DELIVER_RETRIES: Counter "rekindle_deliver_retries_total" ["destination"] "Attempts that failed and are made again.";
    DELIVER_HELD: Gauge "rekindle_deliver_held" ["destination"]
        "Messages that are in flight, or wait for another attempt or for an earlier one of their user.";
    DELIVER_IN_FLIGHT: Gauge "rekindle_deliver_in_flight" ["destination"] "Requests in flight.";
    DELIVER_BACKLOG: Gauge "rekindle_deliver_backlog" ["destination"] "Messages in the stream that a destination has not read yet.";
    DELIVER_OLDEST: Gauge "rekindle_deliver_oldest_seconds" ["destination"]
        "Time since the stream took in the oldest message that a destination holds; 0: it holds none.";
    DELIVER_CIRCUIT: Gauge "rekindle_deliver_circuit_open" ["destination"] "Whether requests pause because the destination fails: 1, or 0.";
    DELIVER_OFF: Gauge "rekindle_deliver_switched_off" ["destination"]
        "Whether the receiver answered that it is gone (410), so that nothing is sent until a restart: 1, or 0.";
    READY: Gauge "rekindle_ready" [] "Whether every part of the daemon works, as `/readyz` says: 1, or 0.";
    CONNECTED: Gauge "rekindle_nats_connected" [] "Whether there is a connection to NATS: 1, or 0.";
    DISCONNECTS: Counter "rekindle_nats_disconnects_total" [] "Connections to NATS lost.";
    RECONNECTS: Counter "rekindle_nats_reconnects_total" [] "Connections to NATS made again.";
    SLOW_CONSUMER: Counter "rekindle_nats_slow_consumer_events_total" []
        "Times that the client dropped messages because they came faster than they were read.";
    RELOADS: Counter "rekindle_rules_reloads_total" ["result"] "Reloads of the rules, by result: applied, unchanged, refused.";
    FROM_LOG_PROGRESS: Gauge "rekindle_rules_reload_progress" []
        "How much of the log the reload from the log that is running has read, from 0 to 1; 1 if none is running.";
    FROM_LOG_STATE_BYTES: Gauge "rekindle_rules_reload_state_bytes" []
        "Bytes of the state of the second engine of the reload from the log that is running; 0 if none is.";
    RELOADED: Gauge "rekindle_rules_loaded_timestamp_seconds" []
        "When the rules in force were loaded, in seconds since 1970.";
    RULES_UNSEEN: Gauge "rekindle_rules_unseen" ["kind", "name"]
        "Names that the rules read and that have not occurred in the log for [engine] unseen_after: an event, field or trait; always 1.";
    RULES_INFO: Gauge "rekindle_rules_info" ["version"] "The rules in force; always 1.";
    GROWTH_KNOWN: Gauge "rekindle_growth_known" ["kind"]
        "All so far: users, sign_ups, buyers, and repeat_buyers with two orders or more.";
    GROWTH_NEW_USERS: Gauge "rekindle_growth_new_users" ["channel", "day"]
        "Users whose first event was on the day: today so far, or the last complete one.";
    GROWTH_SIGN_UPS: Gauge "rekindle_growth_sign_ups" ["channel", "day"] "Users who signed up on the day.";
    GROWTH_ACTIVE: Gauge "rekindle_growth_active_users" ["channel", "window", "day"]
        "Users with an event in the window (1d: DAU, 7d: WAU, 30d: MAU) that ends with the day.";
    GROWTH_ACTIVE_BY_STAGE: Gauge "rekindle_growth_active_users_by_stage" ["stage", "day"]
        "Active users of the day by the stage they were in as it began.";
    GROWTH_SESSIONS: Gauge "rekindle_growth_sessions" ["channel", "kind", "day"]
        "Sessions that began on the day: all, with a cart, with a checkout, with an order after a cart.";
    GROWTH_BUYERS: Gauge "rekindle_growth_buyers" ["channel", "window", "day"]
        "Users with an order in the window that ends with the day.";
    GROWTH_NEW_BUYERS: Gauge "rekindle_growth_new_buyers" ["channel", "day"] "Users whose first order was on the day.";
    GROWTH_ORDERS: Gauge "rekindle_growth_orders" ["channel", "day"] "Orders of the day.";
    GROWTH_COUPON_ORDERS: Gauge "rekindle_growth_coupon_orders" ["channel", "day"] "Orders with a coupon.";
    GROWTH_REFUNDS: Gauge "rekindle_growth_refunds" ["channel", "day"] "Refunds of the day.";
    GROWTH_GMV: Gauge "rekindle_growth_gmv" ["channel", "buyers", "day"]
        "Value of the day's orders before refunds: of first orders (new), and of all others (returning).";
    GROWTH_REFUNDED: Gauge "rekindle_growth_refunded" ["channel", "day"] "Value of the day's refunds.";
    GROWTH_DISCOUNT: Gauge "rekindle_growth_discount" ["channel", "day"] "Discounts given with the day's orders.";
    GROWTH_STICKINESS: Gauge "rekindle_growth_stickiness_ratio" [] "DAU over MAU of the last complete day.";
    GROWTH_ACTIVE_SHARE: Gauge "rekindle_growth_active_share_ratio" []
        "Active users of the last complete day over all known users.";
    GROWTH_RATE: Gauge "rekindle_growth_rate_ratio" ["of", "period"]
        "Growth of new or active users over the period before: 0.1 is 10 % more.";
    GROWTH_RETENTION: Gauge "rekindle_growth_retention_ratio" ["channel", "after"]
        "Users active 1d, 7d, 30d after their first day, over all users of the last 30 cohorts of that age.";
    GROWTH_RETENTION_CURVE: Gauge "rekindle_growth_retention_curve_ratio" ["after"]
        "The same for each day after the first, 0 to 30, of all users.";
    GROWTH_COHORT: Gauge "rekindle_growth_cohort_users" ["period", "age", "after"]
        "Users of the cohort that began `age` days or weeks ago who were active `after` days or weeks after its first.";
    GROWTH_STAGE_USERS: Gauge "rekindle_growth_stage_users" ["stage"] "Users in a stage of the lifecycle now.";
    GROWTH_FLOWS: Gauge "rekindle_growth_stage_moves" ["from", "to", "day"]
        "Users who moved from one stage to another on the day; absent where nobody did.";
    GROWTH_REACTIVATION: Gauge "rekindle_growth_reactivation_ratio" []
        "Share of the users dormant or churned at the start of the last complete day who came back on it.";
    GROWTH_FUNNEL_USERS: Gauge "rekindle_growth_funnel_users" ["funnel", "step", "channel"]
        "Users who reached a step from a start in the last 30 complete days, each counted once.";
    GROWTH_FUNNEL_SESSIONS: Gauge "rekindle_growth_funnel_sessions" ["funnel", "step", "channel"]
        "Sessions that reached a step in the last 30 complete days.";
    GROWTH_FUNNEL_MEDIAN: Gauge "rekindle_growth_funnel_median_seconds" ["funnel", "step"]
        "Median time from the step before, off by at most 6.25 %.";
    GROWTH_AOV: Gauge "rekindle_growth_aov" ["channel"] "Average order value of the last 30 complete days.";
    GROWTH_ORDERS_PER_BUYER: Gauge "rekindle_growth_orders_per_buyer" ["channel"]
        "Orders over buyers of the last 30 complete days.";
    GROWTH_CONVERSION: Gauge "rekindle_growth_conversion_ratio" ["channel"]
        "Buyers over active users of the last 30 complete days.";
    GROWTH_CART_ABANDONMENT: Gauge "rekindle_growth_cart_abandonment_ratio" ["channel"]
        "Sessions with a cart and no order after it, over sessions with a cart, of the last 30 complete days.";
    GROWTH_GMV_OF_PICKS: Gauge "rekindle_growth_gmv_of_picks_ratio" []
        "The part of GMV of the last 30 complete days that is of items which were shown from a list of picks before; absent without lists.";
    GROWTH_REPEAT_PURCHASE: Gauge "rekindle_growth_repeat_purchase_ratio" []
        "Buyers with two orders or more over all buyers ever.";
    GROWTH_PROMOTION: Gauge "rekindle_growth_promotion" ["promotion", "part", "week", "figure"]
        "A promotion's numbers before, during and after it, of the hours that are over, and of as many a week earlier; absent where there are none.";
    GROWTH_PROMOTION_BUDGET: Gauge "rekindle_growth_promotion_budget" ["promotion"]
        "A promotion's budget for discounts; absent where it has none.";
    GROWTH_PROMOTION_SPENT: Gauge "rekindle_growth_promotion_spent" ["promotion"]
        "The discounts of a promotion's orders so far; absent where it has no budget.";
    GROWTH_TARGET: Gauge "rekindle_growth_target" ["target"] "The figure to reach in the current period.";
    GROWTH_TARGET_REACHED: Gauge "rekindle_growth_target_reached" ["target"] "The figure reached in the current period so far.";
    TARGET_EXPECTED: Gauge "rekindle_target_expected" ["target"]
        "What a target should have reached by now, by the usual shape of days and weeks.";
    TARGET_FORECAST: Gauge "rekindle_target_forecast" ["target", "bound"]
        "Where a target's period will end: mid, and low and high of the 95 % interval; absent during the warm-up.";
    TARGET_ON_TRACK: Gauge "rekindle_target_on_track" ["target"]
        "Whether a target is reached or forecast to be: 1, or 0; absent during the warm-up.";
    TREND_LEVEL: Gauge "rekindle_trend_level" ["metric"] "The mean hour of the last week, by metric.";
    TREND_VALUE: Gauge "rekindle_trend_value" ["metric"] "The last complete hour, by metric.";
    TREND_BAND: Gauge "rekindle_trend_band" ["metric", "bound"]
        "The expected value of that hour (mid), and the limits of its usual range (low, high).";
    TREND_WARM_UP: Gauge "rekindle_trend_warm_up_seconds" ["metric"]
        "Time until a metric's hours can be assessed, in whole hours; 0: they are.";
    ANOMALY: Gauge "rekindle_anomaly" ["metric"]
        "Whether the last complete hour is out of its band, or ends a slump of three: 1, or 0; absent during the warm-up.";
    ANOMALY_DEVIATION: Gauge "rekindle_anomaly_deviation" ["metric"]
        "How far that hour is off: ±3.7 is the edge of the band, below 0 is too little.";
    BUILD_INFO: Gauge "rekindle_build_info" ["version", "revision"] "The version and revision of this build; always 1.";
    CPU: Counter "process_cpu_seconds_total" [] "Total user and system CPU time spent in seconds.";
    OPEN_FDS: Gauge "process_open_fds" [] "Number of open file descriptors.";
    MAX_FDS: Gauge "process_max_fds" [] "Maximum number of open file descriptors.";
    RESIDENT: Gauge "process_resident_memory_bytes" [] "Resident memory size in bytes.";
    MEMORY_LIMIT: Gauge "rekindle_memory_limit_bytes" []
        "The memory that the process may take: what its control group allows, or what the machine has.";
    VIRTUAL: Gauge "process_virtual_memory_bytes" [] "Virtual memory size in bytes.";
    START_TIME: Gauge "process_start_time_seconds" [] "Start time of the process since unix epoch in seconds.";
    THREADS: Gauge "process_threads" [] "Number of OS threads in the process.";
}
