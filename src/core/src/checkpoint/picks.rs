//! What stands of picks between two takings, as CBOR: `[list, 0, next taking]`, `[list, 1, item, users, several]`,
//! `[list, 2, number, [item …]]`, `[list, 3, [number, difference …]]`, `[list, 4, [column …]]`, `[list, 5, column, value]`,
//! `[list, 6, item, [value …]]`.

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::encoding::KeySpace;
use crate::event::MAX_KEY_BYTES;
use crate::picks::{PickRecord, SessionNumber};
use crate::rules::ruleset::PickListId;

pub(super) fn write(list: PickListId, record: &PickRecord, writer: &mut CborWriter) {
    let begin = |writer: &mut CborWriter, fields, tag| {
        writer.array(fields);
        writer.u64(list.0.into());
        writer.u64(tag);
    };
    match record {
        PickRecord::Next(next) => {
            begin(writer, 3, 0);
            writer.optional_timestamp(*next);
        }
        PickRecord::Item(item, [users, several]) => {
            begin(writer, 5, 1);
            writer.str(item);
            writer.u64((*users).into());
            writer.u64((*several).into());
        }
        PickRecord::Begun(piece) => {
            begin(writer, 3, 3);
            writer.array(piece.len() as u64);
            piece.iter().for_each(|more| writer.u64(*more));
        }
        PickRecord::Columns(columns) => {
            begin(writer, 3, 4);
            writer.array(columns.len() as u64);
            columns.iter().for_each(|column| writer.str(column));
        }
        PickRecord::Value(column, text) => {
            begin(writer, 4, 5);
            writer.u64((*column).into());
            writer.str(text);
        }
        PickRecord::Valued(item, values) => {
            begin(writer, 4, 6);
            writer.str(item);
            writer.array(values.len() as u64);
            values.iter().for_each(|value| writer.u64((*value).into()));
        }
        PickRecord::Session(number, items) => {
            begin(writer, 4, 2);
            writer.u64(number.0);
            writer.array(items.len() as u64);
            items.iter().for_each(|item| writer.u64((*item).into()));
        }
    }
}

/// `None`: of a list that the current rules do not have.
pub(super) fn read(
    known: &KeyDictionary,
    reader: &mut CborReader<'_>,
) -> Result<Option<(PickListId, PickRecord)>, CodecError> {
    let fields = reader.array("what stands of picks")?;
    let list = known.kind(KeySpace::Picks).id(reader, "of which picks")?.map(PickListId);
    let record = match (reader.u64("what it is of picks")?, fields) {
        (0, 3) => PickRecord::Next(reader.optional_time("the next taking")?),
        (1, 5) => {
            let item = reader.text("an item")?;
            if !(1..=MAX_KEY_BYTES).contains(&item.len()) {
                return Err(reader.wrong("an item of another length"));
            }
            let item = item.into();
            PickRecord::Item(item, [reader.u32("users of an item")?, reader.u32("users who came back to an item")?])
        }
        (2, 4) => {
            let number = SessionNumber(reader.u64("the number of a session")?);
            let mut items = Vec::new();
            for _ in 0..reader.array("the items of a session")? {
                items.push(reader.u32("an item of a session")?);
            }
            PickRecord::Session(number, items)
        }
        (3, 3) => {
            let mut piece = Vec::new();
            for _ in 0..reader.array("sessions that began")? {
                piece.push(reader.u64("when a session began")?);
            }
            PickRecord::Begun(piece)
        }
        (4, 3) => {
            let mut columns = Vec::new();
            for _ in 0..reader.array("the columns of items")? {
                columns.push(reader.text("a column of items")?.into());
            }
            PickRecord::Columns(columns)
        }
        (5, 4) => {
            let column = reader.u32("the column of a value")?;
            let column = u16::try_from(column).map_err(|_| reader.wrong("a column of items that is none"))?;
            PickRecord::Value(column, reader.text("a value of items")?.into())
        }
        (6, 4) => {
            let item = reader.text("an item with values")?;
            if !(1..=MAX_KEY_BYTES).contains(&item.len()) {
                return Err(reader.wrong("an item of another length"));
            }
            let item = item.into();
            let mut values = Vec::new();
            for _ in 0..reader.array("the values of an item")? {
                values.push(reader.u32("a value of an item")?);
            }
            PickRecord::Valued(item, values)
        }
        _ => return Err(reader.wrong("picks of an unknown form")),
    };
    Ok(list.map(|list| (list, record)))
}
