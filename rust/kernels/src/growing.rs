//! Lists and tables that threads add to and read without a lock, which a fork could leave locked.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A list that only grows.
#[derive(Debug)]
pub struct Growing<T> {
    first: AtomicPtr<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    item: T,
    next: *const Node<T>,
}

impl<T> Growing<T> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The items, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: null, or a node, which lives as long as the list.
        let first = unsafe { self.first.load(Ordering::Acquire).as_ref() };
        // SAFETY: as above.
        std::iter::successors(first, |node| unsafe { node.next.as_ref() }).map(|node| &node.item)
    }

    /// The item that fits, made if there is none.
    pub fn find_or_add(&self, fits: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &T {
        if let Some(item) = self.iter().find(|&item| fits(item)) {
            return item;
        }
        let mut node = Box::new(Node { item: make(), next: ptr::null() });
        loop {
            let first = self.first.load(Ordering::Acquire);
            // Another thread may have added one meanwhile.
            if let Some(item) = self.iter().find(|&item| fits(item)) {
                return item;
            }
            node.next = first;
            let new = Box::into_raw(node);
            match self.first.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: it lives as long as the list.
                Ok(_) => return unsafe { &(*new).item },
                // SAFETY: nobody else has seen it.
                Err(_) => node = unsafe { Box::from_raw(new) },
            }
        }
    }
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Items that are found by a hash and never given back, spread over `N` lists.
#[derive(Debug)]
pub struct Table<T, const N: usize>([Growing<T>; N]);

impl<T, const N: usize> Table<T, N> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { Growing::new() }; N])
    }

    /// The list that holds items of this hash.
    pub fn list(&self, hash: u64) -> &Growing<T> {
        &self.0[(hash ^ hash >> 32) as usize % N]
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(Growing::iter)
    }
}

impl<T, const N: usize> Default for Table<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A number that equal texts share: FNV-1a.
#[must_use]
pub fn hash_of(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
}

impl<T> Drop for Growing<T> {
    fn drop(&mut self) {
        let mut at = *self.first.get_mut();
        while !at.is_null() {
            // SAFETY: made by `Box::into_raw`, and nobody has it any more.
            let node = unsafe { Box::from_raw(at) };
            at = node.next.cast_mut();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_add_the_same_items_share_them() {
        let table = Table::<(u64, usize), 4>::new();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let table = &table;
                scope.spawn(move || {
                    for hash in 0..500 {
                        table.list(hash).find_or_add(|&(old, _)| old == hash, || (hash, thread));
                    }
                });
            }
        });
        let mut hashes: Vec<u64> = table.iter().map(|&(hash, _)| hash).collect();
        hashes.sort_unstable();
        assert_eq!(hashes, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn hashes_are_those_of_fnv() {
        assert_eq!((hash_of(""), hash_of("a")), (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c));
    }
}
