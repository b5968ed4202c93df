//! Pointers from C, turned into references and values.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use trueline_core::{Code, Error};

/// The reference behind a pointer that the header calls required.
///
/// # Safety
/// If it is not NULL, it points to a live, initialised `T` that nothing changes for `'a`.
pub(crate) unsafe fn required<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Error> {
    // SAFETY: passed on to the caller.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// The exclusive reference behind a pointer that the header calls required.
///
/// # Safety
/// If it is not NULL, it points to a live, initialised `T` that nothing else uses for `'a`.
pub(crate) unsafe fn required_mut<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Error> {
    // SAFETY: passed on to the caller.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// Where a C function leaves what it made. The memory may be uninitialised, so it is only ever written.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    /// If `pointer` is not NULL, it is writable and aligned for as long as this lives.
    pub(crate) unsafe fn new(pointer: *mut T, name: &str) -> Result<Self, Error> {
        NonNull::new(pointer).map(Self).ok_or_else(|| null(name))
    }

    /// Leaves a value there.
    pub(crate) fn set(&mut self, value: T) {
        // SAFETY: writable and aligned, promised to `new`.
        unsafe { self.0.write(value) };
    }
}

/// `length` values at `pointer`, which may be NULL if `length` is 0.
///
/// # Safety
/// If `length` is not 0 and `pointer` is not NULL, `length` initialised values lie there, unchanged for `'a`.
pub(crate) unsafe fn span<'a, T>(pointer: *const T, length: usize, name: &str) -> Result<&'a [T], Error> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::new(Code::NullArgument, format!("{name} is NULL but its length is {length}")));
    }
    if !pointer.is_aligned() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("{name} is not aligned to the {} bytes of its type", align_of::<T>()),
        ));
    }
    if length > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("{name} has the length {length}, which no memory can hold"),
        ));
    }
    // SAFETY: not NULL, aligned and of a possible length, checked above; the rest is the caller's duty.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// `length` values at `pointer` that are written, and may be read: initialised.
///
/// # Safety
/// If `length` is not 0 and `pointer` is not NULL, `length` initialised values lie there, and nothing else uses them for `'a`.
pub(crate) unsafe fn room<'a, T>(pointer: *mut T, length: usize, name: &str) -> Result<&'a mut [T], Error> {
    // SAFETY: passed on to the caller; the slice of the checks is gone before the other one is made.
    let length = unsafe { span(pointer.cast_const(), length, name) }?.len();
    if length == 0 {
        return Ok(&mut []);
    }
    // SAFETY: not NULL, aligned and of a possible length, checked above; the rest is the caller's duty.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, length) })
}

/// Writes `values` at `pointer`, which may be uninitialised, or NULL if there is none.
///
/// # Safety
/// If it is not NULL, there is room for that many values, and nothing else uses it now.
pub(crate) unsafe fn put<T: Copy>(pointer: *mut T, values: &[T], name: &str) -> Result<(), Error> {
    if values.is_empty() {
        return Ok(());
    }
    if pointer.is_null() {
        let n = values.len();
        return Err(Error::new(Code::NullArgument, format!("{name} is NULL but gets {n} values")));
    }
    if !pointer.is_aligned() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("{name} is not aligned to the {} bytes of its type", align_of::<T>()),
        ));
    }
    // SAFETY: not NULL and aligned, checked above; room for the values, the caller's duty; `values` is the library's own, so
    // that the two do not overlap.
    unsafe { pointer.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
    Ok(())
}

/// `length` zeros at `pointer`, whose memory may be uninitialised, to be written over.
///
/// # Safety
/// If it is not NULL, there is room for that many values, and nothing else uses it for `'a`.
pub(crate) unsafe fn cleared<'a>(
    pointer: *mut f64,
    length: usize,
    name: &str,
) -> Result<&'a mut [f64], Error> {
    // SAFETY: as many uninitialised values lie there, the caller's duty, and every memory is one.
    let room = unsafe { room(pointer.cast::<MaybeUninit<f64>>(), length, name) }?;
    room.fill(MaybeUninit::zeroed());
    // SAFETY: zeroed just now, and zero bytes are the number 0.
    Ok(unsafe { room.assume_init_mut() })
}

/// How many numbers a table of `rows` x `columns` has.
pub(crate) fn cells(name: &str, rows: usize, columns: usize) -> Result<usize, Error> {
    rows.checked_mul(columns).ok_or_else(|| {
        Error::new(Code::InvalidArgument, format!("{name} of {rows} x {columns} numbers fits no memory"))
    })
}

/// A NUL-ended UTF-8 string, or `None` for NULL.
///
/// # Safety
/// If it is not NULL, a NUL-ended string lies there, unchanged for `'a`.
pub(crate) unsafe fn optional_text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, checked above; ended by NUL, the caller's duty.
    let text = unsafe { CStr::from_ptr(pointer) };
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(e) => Err(Error::new(Code::Utf8, format!("{name} is not UTF-8 at byte {}", e.valid_up_to()))),
    }
}

/// A text of a given size; NULL is empty if the size is 0.
///
/// # Safety
/// `size` bytes lie at `pointer`, unchanged for `'a`, or it is NULL.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, size: usize, name: &str) -> Result<&'a str, Error> {
    // SAFETY: passed on to the caller.
    let bytes = unsafe { span(pointer.cast::<u8>(), size, name) }?;
    str::from_utf8(bytes).map_err(|e| {
        Error::new(Code::Utf8, format!("{name} of {size} bytes is not UTF-8 at byte {}", e.valid_up_to()))
    })
}

/// A struct that starts with its own size and may grow in later versions.
///
/// # Safety
/// `repr(C)`; the first field is a `u32` with the struct's size; every field is an integer, a float or a pointer, so
/// that any bytes are a value.
pub(crate) unsafe trait Sized32: Copy {
    /// The struct's name in C.
    const NAME: &'static str;
    /// The macro that sets its size.
    const INIT: &'static str;
    /// Every default: zeros.
    const ZERO: Self;
}

/// Reads a struct from a caller who may know an older or a newer version of it. NULL is every default.
///
/// # Safety
/// If it is not NULL, it points to a `struct_size` (4 bytes, any alignment) and, if that is a size which a version
/// of the struct can have, to that many bytes.
pub(crate) unsafe fn sized<T: Sized32>(pointer: *const T) -> Result<T, Error> {
    if pointer.is_null() {
        return Ok(T::ZERO);
    }
    // SAFETY: not NULL, so at least the 4 bytes of `struct_size` lie there.
    let given = unsafe { pointer.cast::<u32>().read_unaligned() } as usize;
    let known = size_of::<T>();
    // No version is smaller than this first one.
    if given < known || given > 4096 {
        return Err(Error::new(
            Code::StructSize,
            format!(
                "struct_size of {} is {given}; this library knows {known}: start from {}",
                T::NAME,
                T::INIT
            ),
        ));
    }
    // SAFETY: `given` bytes lie there, the caller's duty, and `known <= given`.
    let newer = unsafe { slice::from_raw_parts(pointer.cast::<u8>().add(known), given - known) };
    if newer.iter().any(|&b| b != 0) {
        return Err(Error::new(
            Code::StructSize,
            format!("{} sets fields beyond the {known} bytes that this library knows", T::NAME),
        ));
    }
    // SAFETY: `known` bytes lie there, and any bytes are a value of `T`.
    Ok(unsafe { pointer.read_unaligned() })
}

fn null(name: &str) -> Error {
    Error::new(Code::NullArgument, format!("{name} is NULL"))
}
