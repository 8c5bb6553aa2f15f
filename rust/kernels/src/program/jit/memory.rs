//! Memory for machine code: written first, then executable, never both.

/// Code in pages of its own.
#[derive(Debug)]
pub(super) struct Executable {
    pages: system::Pages,
}

impl Executable {
    /// None if the system has no memory, or forbids that it becomes executable.
    pub(super) fn new(code: &[u8]) -> Option<Self> {
        system::Pages::new(code).map(|pages| Self { pages })
    }

    /// The address of the first instruction.
    pub(super) fn address(&self) -> usize {
        self.pages.address()
    }

    /// The code.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        self.pages.bytes()
    }

    /// Calls the code.
    ///
    /// # Safety
    /// It is a function of the System V ABI that takes such a table and keeps to it.
    pub(super) unsafe fn call(&self, table: *const u64) {
        // SAFETY: promised to this function.
        unsafe { self.pages.call(table) };
    }
}

#[cfg(all(target_arch = "x86_64", unix, not(miri)))]
mod system {
    use std::ffi::{c_int, c_void};
    use std::{mem, ptr};

    const READ: c_int = 1;
    const WRITE: c_int = 2;
    const EXECUTE: c_int = 4;
    const PRIVATE: c_int = 2;
    const ANONYMOUS: c_int = if cfg!(target_os = "macos") { 0x1000 } else { 0x20 };

    unsafe extern "C" {
        fn mmap(
            address: *mut c_void,
            len: usize,
            protection: c_int,
            flags: c_int,
            file: c_int,
            offset: i64,
        ) -> *mut c_void;
        fn mprotect(address: *mut c_void, len: usize, protection: c_int) -> c_int;
        fn munmap(address: *mut c_void, len: usize) -> c_int;
    }

    #[derive(Debug)]
    pub(super) struct Pages {
        address: *mut c_void,
        len: usize,
    }

    // SAFETY: nothing changes the code.
    unsafe impl Send for Pages {}
    // SAFETY: as above.
    unsafe impl Sync for Pages {}

    impl Pages {
        pub(super) fn new(code: &[u8]) -> Option<Self> {
            let len = code.len().max(1);
            // SAFETY: asks for new pages.
            let address = unsafe { mmap(ptr::null_mut(), len, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0) };
            if address.addr() == usize::MAX {
                return None;
            }
            let pages = Self { address, len };
            // SAFETY: the pages are as long as the code, and nobody else has them; then they are only read.
            let failed = unsafe {
                address.cast::<u8>().copy_from_nonoverlapping(code.as_ptr(), code.len());
                mprotect(address, len, READ | EXECUTE)
            };
            (failed == 0).then_some(pages)
        }

        pub(super) fn address(&self) -> usize {
            self.address.addr()
        }

        #[cfg(test)]
        pub(super) fn bytes(&self) -> &[u8] {
            // SAFETY: the pages can be read.
            unsafe { std::slice::from_raw_parts(self.address.cast(), self.len) }
        }

        /// # Safety
        /// As for [`Executable::call`](super::Executable::call).
        pub(super) unsafe fn call(&self, table: *const u64) {
            // SAFETY: promised to this function.
            unsafe {
                let function: extern "sysv64" fn(*const u64) = mem::transmute(self.address.cast_const());
                function(table);
            }
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: the pages are this value's, and nobody runs their code any more.
            unsafe { munmap(self.address, self.len) };
        }
    }
}

/// Elsewhere there is no such code.
#[cfg(not(all(target_arch = "x86_64", unix, not(miri))))]
mod system {
    #[derive(Debug)]
    pub(super) enum Pages {}

    impl Pages {
        pub(super) fn new(_: &[u8]) -> Option<Self> {
            None
        }

        pub(super) fn address(&self) -> usize {
            match *self {}
        }

        #[cfg(test)]
        pub(super) fn bytes(&self) -> &[u8] {
            match *self {}
        }

        /// # Safety
        /// None: there are none.
        pub(super) unsafe fn call(&self, _: *const u64) {
            match *self {}
        }
    }
}

#[cfg(all(test, target_arch = "x86_64", unix, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn code_runs_and_is_given_back() {
        for _ in 0..10_000 {
            // mov qword ptr [rdi], 7; ret
            let code = Executable::new(&[0x48, 0xc7, 0x07, 7, 0, 0, 0, 0xc3]).expect("allowed here");
            let mut table = [0_u64];
            let first = table.as_mut_ptr();
            // SAFETY: the code writes the first word.
            unsafe { code.call(first) };
            assert_eq!(table, [7]);
        }
    }
}
