//! What is counted, in one list for days and one for hours. A list makes the columns of a row in the rollup and the fields
//! of the totals in a report.
//!
//! **Invariant.** The order of a list is the order of columns in the checkpoint format: append only, and with a migration.

use serde::Serialize;

use super::money::{Figure, Money};

/// Makes an enum of counts, an enum of amounts, and a struct with a field for each of both.
macro_rules! totals {
    (
        $(#[$counts_doc:meta])* counts $Count:ident { $($(#[$count_doc:meta])* $count:ident => $count_field:ident,)* }
        $(#[$amounts_doc:meta])* amounts $Amount:ident { $($(#[$amount_doc:meta])* $amount:ident => $amount_field:ident,)* }
        $(#[$totals_doc:meta])* totals $Totals:ident
    ) => {
        $(#[$counts_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum $Count { $($count,)* }

        $(#[$amounts_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum $Amount { $($amount,)* }

        $(#[$totals_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
        pub struct $Totals {
            $($(#[$count_doc])* pub $count_field: u64,)*
            $($(#[$amount_doc])* pub $amount_field: Money,)*
        }

        impl $Count {
            /// How many counts there are.
            pub(crate) const LEN: usize = [$($Count::$count),*].len();
        }

        impl $Amount {
            /// How many amounts there are.
            pub(crate) const LEN: usize = [$($Amount::$amount),*].len();
        }

        impl $Totals {
            /// Totals whose fields are read one by one.
            pub(crate) fn read(count: impl Fn($Count) -> u64, amount: impl Fn($Amount) -> Money) -> $Totals {
                $Totals {
                    $($count_field: count($Count::$count),)*
                    $($amount_field: amount($Amount::$amount),)*
                }
            }

            /// Every figure with the name of its field.
            pub fn figures(&self) -> [(&'static str, Figure); $Count::LEN + $Amount::LEN] {
                [
                    $((stringify!($count_field), Figure::Count(self.$count_field.into())),)*
                    $((stringify!($amount_field), Figure::Money(self.$amount_field)),)*
                ]
            }
        }

        impl std::iter::Sum for $Totals {
            fn sum<I: Iterator<Item = $Totals>>(totals: I) -> $Totals {
                totals.fold($Totals::default(), |sum, one| $Totals {
                    $($count_field: sum.$count_field + one.$count_field,)*
                    $($amount_field: sum.$amount_field + one.$amount_field,)*
                })
            }
        }
    };
}

totals! {
    /// The counts of one channel and day.
    counts DayCount {
        /// Users whose first event ever was on this day.
        NewUsers => new_users,
        /// Users whose first `identify` with a `userId` was on this day.
        SignUps => sign_ups,
        /// DAU: users with an event on this day.
        Active => active,
        /// WAU: users with an event on this day or the 6 before.
        Active7d => active_7d,
        /// MAU: users with an event on this day or the 29 before.
        Active30d => active_30d,
        /// Sessions that started on this day: an event starts one if the user's event before it is older than the
        /// `session_gap`. Late events start none.
        Sessions => sessions,
        /// Of those, with a cart event.
        CartSessions => cart_sessions,
        /// Of those, with a checkout event.
        CheckoutSessions => checkout_sessions,
        /// Of those with a cart event, the ones with an order at or after it.
        CartOrderSessions => cart_order_sessions,
        /// Users with an order on this day.
        Buyers => buyers,
        /// Users with an order on this day or the 6 before.
        Buyers7d => buyers_7d,
        /// Users with an order on this day or the 29 before.
        Buyers30d => buyers_30d,
        /// Users whose first order ever was on this day.
        NewBuyers => new_buyers,
        /// Users whose second order ever was on this day.
        RepeatBuyers => repeat_buyers,
        /// Orders.
        Orders => orders,
        /// Orders with a coupon.
        CouponOrders => coupon_orders,
        /// Refunds, by the day of the refund.
        Refunds => refunds,
    }
    /// The amounts of one channel and day.
    amounts DayAmount {
        /// GMV: the values of the orders, after discounts and before refunds.
        Gmv => gmv,
        /// The part of GMV from the buyers' first orders ever.
        GmvNew => gmv_new,
        /// The values of the refunds.
        Refunded => refunded,
        /// Discounts given with the orders.
        Discount => discount,
    }
    /// The totals of a day, of all users or of the users of one channel.
    totals DayTotals
}

totals! {
    /// The counts of an hour that add up over hours, beside its events.
    counts HourCount {
        /// Sessions that started.
        Sessions => sessions,
        /// Users whose first event ever was in it.
        NewUsers => new_users,
        /// Orders.
        Orders => orders,
        /// Orders with a coupon.
        CouponOrders => coupon_orders,
        /// Orders with an item that was shown from a list of picks.
        PickOrders => pick_orders,
    }
    /// The amounts of an hour.
    amounts HourAmount {
        /// The values of the orders.
        Gmv => gmv,
        /// The values of the refunds.
        Refunded => refunded,
        /// Discounts given.
        Discount => discount,
        /// The part of the orders' values that is of items that were shown from a list of picks.
        GmvOfPicks => gmv_of_picks,
    }
    /// The totals of an hour or of a window of hours.
    totals WindowTotals
}

impl DayCount {
    /// Whether its column holds where users enter (1) and leave (−1) the window, so that the sum of all days up to one is
    /// the count of that day.
    pub(crate) fn is_cumulative(self) -> bool {
        matches!(self, DayCount::Active7d | DayCount::Active30d | DayCount::Buyers7d | DayCount::Buyers30d)
    }
}
