//! An allocator that counts its calls, for tests of what makes none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, counting the calls.
struct Counting;

/// Of all threads.
static CALLS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Of this one. It needs no memory of its own and nothing at a thread's end, so that an allocator may use it.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    CALLS.fetch_add(1, Ordering::Relaxed);
    MINE.set(MINE.get() + 1);
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the duties of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as in `alloc`; the block came from the same allocator.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count();
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The heap calls of a body on the calling thread, and what it gives.
pub fn counted<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = MINE.get();
    let made = body();
    (MINE.get() - before, made)
}

/// The heap calls of all threads while a body runs, and what it gives.
#[allow(dead_code, reason = "not every test has threads")]
pub fn counted_everywhere<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = CALLS.load(Ordering::Relaxed);
    let made = body();
    (CALLS.load(Ordering::Relaxed) - before, made)
}
