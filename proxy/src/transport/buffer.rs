//! Read buffers: taken from a free list of the thread while they hold bytes, back as soon as they are empty, so that
//! idle connections hold none.

use std::cell::RefCell;
use std::fmt;

/// How much a buffer holds. Who waits with one in hand has no more than the usual until its bytes come in bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Several TLS records in one system call.
    Usual,
    /// For bulk: few calls, and few segments that are not full. Measured with bytes over mTLS, 64 KiB cost 8 % more, and so
    /// do 512 KiB, which no longer stay in the processor's cache.
    Large,
}

/// How many buffers of each size a thread keeps for later, and only as many as were in use at once.
const KEPT: usize = 16;

thread_local! {
    static FREE: RefCell<Free> = const {
        RefCell::new(Free {
            usual: Vec::new(),
            large: Vec::new(),
        })
    };
}

/// Boxed, so that whoever may hold one is a pointer larger and not more.
#[expect(
    clippy::vec_box,
    reason = "the boxes themselves are what is handed out"
)]
struct Free {
    usual: Vec<Box<Buffer>>,
    large: Vec<Box<Buffer>>,
}

/// Bytes on their way, somewhere within the bytes of its size.
pub(crate) struct Buffer {
    room: Box<[u8]>,
    start: usize,
    end: usize,
}

/// What is in it belongs in no log.
impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes().len())
    }
}

/// Takes an empty buffer.
pub(crate) fn take(size: Size) -> Box<Buffer> {
    let kept = FREE.with_borrow_mut(|free| free.pop(size));
    kept.unwrap_or_else(|| {
        Box::new(Buffer {
            room: vec![0; size.bytes()].into_boxed_slice(),
            start: 0,
            end: 0,
        })
    })
}

/// Gives a buffer back, whatever is in it.
pub(crate) fn give_back(mut buffer: Box<Buffer>) {
    (buffer.start, buffer.end) = (0, 0);
    FREE.with_borrow_mut(|free| free.push(buffer));
}

impl Size {
    /// Bytes of a buffer.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Usual => 64 * 1024,
            Self::Large => 256 * 1024,
        }
    }

    /// What suits the next read where the last one brought so many bytes: three quarters of the usual are bulk, since TLS has
    /// room for three full records in that.
    pub(crate) const fn after(last: usize) -> Self {
        if last >= Self::Usual.bytes() / 4 * 3 {
            Self::Large
        } else {
            Self::Usual
        }
    }
}

impl Free {
    fn pop(&mut self, size: Size) -> Option<Box<Buffer>> {
        match size {
            Size::Usual => self.usual.pop(),
            Size::Large => self.large.pop(),
        }
    }

    fn push(&mut self, buffer: Box<Buffer>) {
        let kept = match buffer.size() {
            Size::Usual => &mut self.usual,
            Size::Large => &mut self.large,
        };
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

impl Buffer {
    fn size(&self) -> Size {
        if self.room.len() == Size::Large.bytes() {
            Size::Large
        } else {
            Size::Usual
        }
    }

    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    /// What is there, to be changed in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..self.end]
    }

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Moves what is there to the front, so that all that is left is room behind it.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.room.copy_within(self.start..self.end, 0);
        }
        (self.start, self.end) = (0, self.end - self.start);
    }

    /// Room behind what is there; what is in it is arbitrary.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        &mut self.room[self.end..]
    }

    /// Says that the first `count` bytes of the spare room were filled.
    pub(crate) fn filled(&mut self, count: usize) {
        debug_assert!(count <= self.room.len() - self.end);
        self.end += count;
    }

    /// Says that the first `count` bytes were used.
    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
    }
}

/// Bytes read and not yet asked for.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead(Option<Box<Buffer>>);

impl ReadAhead {
    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffer| buffer.bytes())
    }

    /// What is there, to be changed in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], |buffer| buffer.bytes_mut())
    }

    /// Makes room behind what is there where less than `wanted` is left: by moving it to the front, or into a large buffer where
    /// `size` says so or it takes up the whole of this one.
    pub(crate) fn make_room(&mut self, wanted: usize, size: Size) {
        let Some(buffer) = &mut self.0 else {
            return;
        };
        if buffer.spare().len() >= wanted {
            return;
        }
        let fills_it = buffer.bytes().len() + wanted > buffer.room.len();
        if buffer.size() == Size::Usual && (size == Size::Large || fills_it) {
            let mut large = take(Size::Large);
            let bytes = buffer.bytes();
            large.spare()[..bytes.len()].copy_from_slice(bytes);
            large.filled(bytes.len());
            give_back(std::mem::replace(buffer, large));
        } else {
            buffer.make_room();
        }
    }

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|buffer| buffer.is_empty())
    }

    /// Whether a buffer is held, if only an empty one.
    #[cfg(test)]
    pub(crate) fn holds_buffer(&self) -> bool {
        self.0.is_some()
    }

    /// Whether nothing more fits behind what is there.
    pub(crate) fn is_full(&self) -> bool {
        let buffer = self.0.as_ref();
        buffer.is_some_and(|buffer| buffer.end == buffer.room.len())
    }

    /// Room behind what is there; takes a buffer of this size if there is none yet.
    pub(crate) fn spare(&mut self, size: Size) -> &mut [u8] {
        self.0.get_or_insert_with(|| take(size)).spare()
    }

    /// Says that `count` bytes of the spare room were filled.
    pub(crate) fn filled(&mut self, count: usize) {
        if let Some(buffer) = &mut self.0 {
            buffer.filled(count);
        }
        self.release_if_empty();
    }

    /// Says that the first `count` bytes were used; the buffer goes back with the last of them.
    pub(crate) fn consume(&mut self, count: usize) {
        if let Some(buffer) = &mut self.0 {
            buffer.consume(count);
        }
        self.release_if_empty();
    }

    fn release_if_empty(&mut self) {
        if let Some(empty) = self.0.take_if(|buffer| buffer.is_empty()) {
            give_back(empty);
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take() {
            give_back(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_the_buffer_goes_back_with_the_last() {
        let mut ahead = ReadAhead::default();
        ahead.spare(Size::Usual)[..5].copy_from_slice(b"hello");
        ahead.filled(5);
        ahead.consume(2);
        assert_eq!(ahead.bytes(), b"llo");
        ahead.spare(Size::Large)[..1].copy_from_slice(b"!");
        ahead.filled(1);
        assert_eq!(ahead.bytes(), b"llo!");
        ahead.consume(4);
        assert!(ahead.0.is_none());
    }

    #[test]
    fn buffers_are_taken_again_as_the_size_that_they_are_and_empty() {
        for size in [Size::Usual, Size::Large] {
            let mut buffer = take(size);
            let room = buffer.spare().as_ptr();
            buffer.filled(size.bytes());
            give_back(buffer);
            let mut again = take(size);
            assert_eq!(again.spare().as_ptr(), room);
            assert_eq!(again.spare().len(), size.bytes());
            assert!(again.is_empty());
        }
    }

    #[test]
    fn room_is_made_behind_what_is_there_and_nothing_is_lost() {
        let usual = Size::Usual.bytes();
        let mut ahead = ReadAhead::default();
        ahead.make_room(1, Size::Usual);
        assert!(ahead.is_empty());
        let room = ahead.spare(Size::Usual);
        room[..usual - 2].fill(0);
        room[usual - 2..].copy_from_slice(b"hi");
        ahead.filled(usual);
        ahead.consume(usual - 2);
        ahead.make_room(usual - 2, Size::Usual);
        assert_eq!(ahead.bytes(), b"hi");
        assert_eq!(ahead.spare(Size::Usual).len(), usual - 2);
        ahead.make_room(usual - 1, Size::Usual);
        assert_eq!(ahead.bytes(), b"hi");
        assert_eq!(
            ahead.spare(Size::Usual).len(),
            Size::Large.bytes() - 2,
            "it did not fit in the usual buffer"
        );
    }

    #[test]
    fn only_a_read_that_nearly_fills_the_usual_buffer_calls_for_a_large_one() {
        let full = Size::Usual.bytes() / 4 * 3;
        assert_eq!(Size::after(full - 1), Size::Usual);
        assert_eq!(Size::after(full), Size::Large);
    }
}
