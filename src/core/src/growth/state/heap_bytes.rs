//! The size of vectors on the heap.

use thin_vec::ThinVec;

/// The heap bytes of a thin vector: its header and its capacity.
pub(super) fn thin_vec_bytes<T>(items: &ThinVec<T>) -> usize {
    if items.capacity() == 0 { 0 } else { 16 + items.capacity() * size_of::<T>() }
}
