//! Items by number.

use std::collections::HashMap;
use std::sync::Arc;

/// Gives every item a number, in the order in which they come.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemTable {
    items: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl ItemTable {
    /// The number of an item. Beyond 2^32 - 1 items, which no memory has room for, all others share the last.
    pub(super) fn number(&mut self, item: &Arc<str>) -> u32 {
        if let Some(number) = self.numbers.get(item) {
            return *number;
        }
        let number = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.items.push(Arc::clone(item));
        self.numbers.insert(Arc::clone(item), number);
        number
    }

    /// The item with a number.
    pub(super) fn item(&self, number: u32) -> &Arc<str> {
        &self.items[number as usize]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}
