//! What the shop's own servers send: shipments of orders, and the tickets of customer care.
//!
//! Segment's specification ends with the order. `Order Shipped` and `Order Delivered` are named as it names things,
//! object first, and bear the `order_id` of the order. Tickets are named likewise and have a `ticket_id`.

use super::call::{CallBody, CallOrigin, CallProperties, TicketProperties};
use super::outbox::Outbox;
use super::random::RandomStream;
use super::rhythm::{DAY, HOUR};

/// The chance that an order is shipped late: later than 48 hours after it was made.
const SHIPS_LATE: f64 = 0.12;
/// The chance that somebody asks where a late order is, and that somebody has a request about any other order.
const ASKS: (f64, f64) = (0.6, 0.08);

const CARRIERS: [(&str, u32); 3] = [("dhl", 50), ("ups", 30), ("dpd", 20)];

const TOPICS: [(&str, u32); 3] = [("return", 55), ("invoice", 25), ("damaged", 20)];

/// The servers' side of one visit.
pub(super) struct ShopService<'a, 'o> {
    pub(super) outbox: &'a mut Outbox<'o>,
    pub(super) dice: &'a mut RandomStream,
    /// Whom it is about.
    pub(super) customer: CallOrigin<'a>,
}

impl ShopService<'_, '_> {
    /// Sends an order that was made at `at`, and answers what its customer asks about it. Between two events of an order
    /// lie nine days at most.
    pub(super) fn ship(&mut self, order_id: &str, at: i64) {
        let is_late = self.dice.chance(SHIPS_LATE);
        let shipped = at
            + if is_late {
                self.dice.between(49 * HOUR, 110 * HOUR)
            } else {
                (self.dice.log_normal(16.0 * HOUR as f64, 0.5) as i64).clamp(HOUR, 46 * HOUR)
            };
        let delivered = shipped + self.dice.between(20 * HOUR, 90 * HOUR);
        let carrier = *self.dice.weighted(&CARRIERS);
        for (event, at) in [("Order Shipped", shipped), ("Order Delivered", delivered)] {
            self.track(event, at, CallProperties::Shipment { order_id: order_id.to_owned(), carrier });
        }
        if !self.dice.chance(if is_late { ASKS.0 } else { ASKS.1 }) {
            return;
        }
        let (topic, asked) = if is_late {
            ("where_is_my_order", self.dice.between(at + 48 * HOUR, shipped))
        } else {
            (*self.dice.weighted(&TOPICS), delivered + self.dice.between(HOUR, 2 * DAY))
        };
        let (ticket_id, order_id) = (format!("t{order_id}"), Some(order_id.to_owned()));
        self.answer(&TicketProperties { ticket_id, topic, order_id }, asked);
    }

    /// Opens a ticket at `at`, answers it after an hour or so (one in five after more than two), and closes it after a
    /// day or so, a week at most.
    pub(super) fn answer(&mut self, ticket: &TicketProperties, at: i64) {
        let answered = at + (self.dice.log_normal(0.85 * HOUR as f64, 1.0) as i64).clamp(60_000, DAY);
        let closed = answered + (self.dice.log_normal(20.0 * HOUR as f64, 0.8) as i64).clamp(60_000, 6 * DAY);
        for (event, at) in [("Ticket Opened", at), ("Ticket Answered", answered), ("Ticket Closed", closed)] {
            self.track(event, at, CallProperties::Ticket(ticket.clone()));
        }
    }

    fn track(&mut self, event: &'static str, at: i64, properties: CallProperties) {
        self.outbox.send(self.dice, at, self.customer, &CallBody::Track { event, properties });
    }
}
