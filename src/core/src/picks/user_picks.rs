//! What a user touched, for each list of the rules, and its stored form.

use std::sync::Arc;

use thin_vec::ThinVec;

use super::sessions::{ITEMS_MAX, SessionNumber, TouchedSession, UserSessions};
use super::touches::{CurrentSession, SEEDS_MAX, TIMES_MAX, TouchedItem, TouchedItems, UserTouches};
use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::rules::ruleset::{PickListId, Ruleset};

/// The most bytes of an item: as of a key.
const ITEM_BYTES_MAX: usize = 256;

/// What a user touched, by list, ascending; lists for which it touched nothing are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserPicks(ThinVec<(PickListId, UserTouches)>);

impl UserPicks {
    /// Whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it touched, by list.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (PickListId, &UserTouches)> {
        self.0.iter().map(|(id, touches)| (*id, touches))
    }

    /// What it touched, for a list; `None`: nothing.
    pub fn of(&self, list: PickListId) -> Option<&UserTouches> {
        self.0.iter().find(|(id, _)| *id == list).map(|(_, touches)| touches)
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(&mut self, list: PickListId) -> &mut UserTouches {
        let at = self.0.iter().position(|(id, _)| *id >= list).unwrap_or(self.0.len());
        if self.0.get(at).is_none_or(|(id, _)| *id != list) {
            self.0.insert(at, (list, UserTouches::default()));
        }
        &mut self.0[at].1
    }

    /// Merges a visitor's.
    pub(crate) fn merge(&mut self, rules: &Ruleset, visitor: UserPicks) {
        for (id, theirs) in visitor.0 {
            self.of_mut(id).merge(&rules.picks[usize::from(id.0)], theirs);
        }
    }

    /// The bytes it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.iter().map(|(_, touches)| size_of::<(PickListId, UserTouches)>() + touches.heap_bytes()).sum()
    }

    /// Writes it.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        let lists = self.0.iter().map(|(id, touches)| (id.0, touches));
        writer.map("touches", KeySpace::Picks, lists, |writer, touches| {
            writer.record("", 4, |writer| {
                write_items("items", &touches.own, writer);
                write_items("left_out", &touches.had, writer);
                writer.list("sessions", ListShape::Records, touches.sessions.0.iter(), |writer, session| {
                    writer.record("", 3, |writer| {
                        writer.position(session.number.0);
                        writer.time("began", session.began);
                        write_texts("items", &session.items, writer);
                    });
                });
                // None, or one.
                writer.list("current_session", ListShape::Records, touches.current.iter(), |writer, session| {
                    writer.record("", 3, |writer| {
                        writer.position(session.number.0);
                        writer.time("latest", session.latest);
                        write_texts("items", &session.recent, writer);
                    });
                });
            });
        });
    }

    /// Reads what is of lists that the current rules have.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<UserPicks, R::Error> {
        let lists = reader.map(KeySpace::Picks, "what a user touched", |reader, id| {
            reader.record(4, "what a user touched for a list")?;
            let (own, had) = (read_items(reader)?, read_items(reader)?);
            let sessions = reader.list(ListShape::Records, "the sessions of a user", |reader| {
                reader.record(3, "a session")?;
                let number = SessionNumber(reader.position("the number of a session")?);
                let began = reader.time("when a session began")?;
                Ok(TouchedSession { number, began, items: read_texts(ITEMS_MAX, reader)? })
            })?;
            let is_sorted = sessions.is_sorted_by_key(|session| session.number);
            reader.verify(|| is_sorted, "sessions out of order")?;
            let mut current = reader.list(ListShape::Records, "the current session of a user", |reader| {
                reader.record(3, "a current session")?;
                let number = SessionNumber(reader.position("the number of a session")?);
                let latest = reader.time("the latest touch of a session")?;
                Ok(CurrentSession { number, latest, recent: read_texts(SEEDS_MAX, reader)? })
            })?;
            let is_one = current.len() <= 1;
            reader.verify(|| is_one, "two current sessions")?;
            let sessions = UserSessions(sessions.into());
            Ok((PickListId(id), UserTouches { own, had, sessions, current: current.pop() }))
        })?;
        Ok(UserPicks(lists.into_iter().filter(|(_, touches)| !touches.is_empty()).collect()))
    }
}

fn write_items<W: StateWriter>(name: &'static str, items: &TouchedItems, writer: &mut W) {
    writer.list(name, ListShape::Records, items.0.iter(), |writer, touched| {
        writer.record("", 3, |writer| {
            writer.text("item", &touched.item);
            writer.position(touched.place);
            writer.list("times", ListShape::Values, touched.times.iter(), |writer, time| writer.time("at", *time));
        });
    });
}

fn read_items<R: StateReader>(reader: &mut R) -> Result<TouchedItems, R::Error> {
    let items = reader.list(ListShape::Records, "items that a user touched", |reader| {
        reader.record(3, "an item that a user touched")?;
        let item = read_text(reader)?;
        let place = reader.position("the place of a touch")?;
        let times = reader.list(ListShape::Values, "times of touches", |reader| reader.time("the time of a touch"))?;
        let is_sound = (1..=TIMES_MAX).contains(&times.len()) && times.windows(2).all(|pair| pair[0] < pair[1]);
        reader.verify(|| is_sound, "times of touches that could not have been written")?;
        Ok(TouchedItem { item, place, times: times.into() })
    })?;
    Ok(TouchedItems(items.into()))
}

fn write_texts<W: StateWriter>(name: &'static str, texts: &[Arc<str>], writer: &mut W) {
    writer.list(name, ListShape::Values, texts.iter(), |writer, text| writer.text("item", text));
}

fn read_texts<R: StateReader>(most: usize, reader: &mut R) -> Result<ThinVec<Arc<str>>, R::Error> {
    let texts = reader.list(ListShape::Values, "the items of a session", read_text)?;
    let is_sound = texts.len() <= most;
    reader.verify(|| is_sound, "more items than a session keeps")?;
    Ok(texts.into())
}

fn read_text<R: StateReader>(reader: &mut R) -> Result<Arc<str>, R::Error> {
    let item: Arc<str> = reader.text("an item")?.into();
    let is_sound = (1..=ITEM_BYTES_MAX).contains(&item.len());
    reader.verify(|| is_sound, "an item of another length")?;
    Ok(item)
}
