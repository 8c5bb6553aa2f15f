//! A list that threads add to and read without a lock, which a fork could leave locked.

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

    /// The item that fits, made if there is none. If two threads make one, both stay.
    pub fn find_or_add(&self, fits: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &T {
        if let Some(item) = self.iter().find(|&item| fits(item)) {
            return item;
        }
        let node = Box::into_raw(Box::new(Node { item: make(), next: ptr::null() }));
        loop {
            let first = self.first.load(Ordering::Acquire);
            // SAFETY: nobody else has seen the node yet.
            unsafe { (*node).next = first };
            if self.first.compare_exchange(first, node, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                // SAFETY: it lives as long as the list.
                return unsafe { &(*node).item };
            }
        }
    }
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self::new()
    }
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
