//! A partition's users out of a base and what changed since.

use std::collections::HashSet;
use std::sync::Arc;

use crate::partition::PackedUser;

/// What a file has of a partition.
#[derive(Debug, Default)]
pub struct PartitionDelta {
    /// Users as they were then.
    pub users: Vec<PackedUser>,
    /// Users removed since the file before; those that exist again are among the users.
    pub removed: Vec<Arc<str>>,
}

/// The users that there are after all of some files, oldest first.
pub fn merge(files: Vec<PartitionDelta>) -> Vec<PackedUser> {
    let mut decided: HashSet<Arc<str>, foldhash::fast::FixedState> = HashSet::default();
    let (mut users, mut files) = (Vec::new(), files.into_iter());
    let base = files.next().unwrap_or_default();
    // Latest first: the latest file that says something of a user is right.
    for file in files.rev() {
        for user in file.users {
            if decided.insert(user.id().into()) {
                users.push(user);
            }
        }
        decided.extend(file.removed);
    }
    if decided.is_empty() {
        return base.users;
    }
    users.extend(base.users.into_iter().filter(|user| !decided.contains(user.id())));
    users
}
