//! Picks: scores worked out by hand, and what a naive evaluation of the whole log says.

mod book;
mod by_hand;
mod evaluating;
mod naive;
mod random;

use std::cell::Cell;
use std::sync::Arc;

use super::{ItemFilter, Pick, PickQuery, PickSubject, Touch};
use crate::event::Scalar;
use crate::features::SlidingWindow;
use crate::rules::ruleset::{ColumnId, PickColumn, PickInterval, PickKind, PickList, PickListId, PickSource};
use crate::time::{Span, Timestamp};
use book::PickBook;

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
const START: i64 = 20_000 * DAY;

/// Something that happens, in the order of the log.
#[derive(Clone, Debug)]
enum Happening {
    /// A match of `on`.
    Touch(String, String, i64),
    /// A match of `without`.
    Had(String, String, i64),
    /// The first is merged into the second.
    Merge(String, String),
    Forget(String),
}

/// Lists without `where`.
struct EveryItem;

impl ItemFilter for EveryItem {
    fn admits(&self, _list: &PickList, _item: &str) -> bool {
        true
    }
}

fn list(sources: &[PickKind]) -> PickList {
    let [last, near, sessions, own] = PickList::SIZES;
    PickList {
        id: "for_you".to_owned(),
        description: String::new(),
        on: Vec::new(),
        without: Vec::new(),
        item: "product_id".to_owned(),
        item_fields: Vec::new(),
        sources: sources.iter().map(|kind| PickSource::Kind(*kind)).collect(),
        table: None,
        filter: None,
        by: Vec::new(),
        every: PickInterval::Day,
        window: SlidingWindow::new(PickList::WINDOW),
        gap: PickList::GAP,
        last,
        near,
        sessions,
        own,
    }
}

/// With the columns `category` and `brand`, by which items are alike.
fn by_columns(list: PickList) -> PickList {
    let column = |(place, name): (u16, &str)| PickColumn { column: ColumnId(place), name: name.to_owned() };
    PickList { by: [(0, "category"), (1, "brand")].map(column).to_vec(), ..list }
}

/// What rows have: the item, the place of a column, the value.
type ColumnValues = Vec<(Arc<str>, u16, Scalar<'static>)>;

fn touch(user: &str, item: &str, at: i64) -> Happening {
    Happening::Touch(user.to_owned(), item.to_owned(), at)
}

/// A book of all that happens; a taking is made before the one at that place, and what follows comes after it.
fn followed(list: &PickList, log: &[Happening], taking: usize, at: i64) -> PickBook {
    followed_by(PickBook::new(list), list, log, taking, at)
}

/// The same, by a book of which nothing is known yet.
fn followed_by(mut book: PickBook, list: &PickList, log: &[Happening], taking: usize, at: i64) -> PickBook {
    // What no taking to come looks at may be forgotten.
    let watermark = Cell::new(Timestamp::MIN);
    for (order, happening) in (0..).zip(log) {
        if order == taking {
            book.take(list, Timestamp(at));
        }
        let touched = |item: &str, ts: i64, see: &mut dyn FnMut(Touch<'_>)| {
            let item: Arc<str> = item.into();
            let (place, watermark) = (order as u64, watermark.get());
            see(Touch { item: &item, ts: Timestamp(ts), place, watermark });
        };
        if let Happening::Touch(_, _, ts) | Happening::Had(_, _, ts) = happening {
            watermark.set(watermark.get().max(Timestamp(*ts).min(Timestamp(at))));
        }
        match happening {
            Happening::Touch(user, item, ts) => {
                let user = Arc::from(user.as_str());
                touched(item, *ts, &mut |touch| book.touch(list, &user, touch));
            }
            Happening::Had(user, item, ts) => {
                let user = Arc::from(user.as_str());
                touched(item, *ts, &mut |touch| book.leave_out(list, &user, touch));
            }
            Happening::Merge(visitor, user) => book.merge(list, visitor, &Arc::from(user.as_str())),
            Happening::Forget(user) => book.forget(user),
        }
    }
    if taking >= log.len() {
        book.take(list, Timestamp(at));
    }
    book
}

fn asked(list: &PickList, book: &PickBook, user: &str, now: i64, n: usize, key: Option<&str>) -> Vec<Pick> {
    let key: Option<Arc<str>> = key.map(Arc::from);
    let subjects = [PickSubject { index: book.index(), user: book.user(user) }];
    let lists = std::slice::from_ref(list);
    let seeds = key.as_ref().map(std::slice::from_ref);
    let filter = &EveryItem;
    PickQuery { lists, subjects: &subjects, now: Timestamp(now), seeds, filter }.list(PickListId(0), n)
}

/// `item score because`
fn shown(picks: &[Pick]) -> Vec<String> {
    picks.iter().map(|pick| format!("{} {} {}", pick.item, pick.score, pick.because())).collect()
}

fn with_gap(list: PickList, gap: i64) -> PickList {
    PickList { gap: Span(gap), ..list }
}
