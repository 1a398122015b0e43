//! Read buffers: taken from a free list of the thread while they hold bytes, back as soon as they are empty, so that
//! idle connections hold none.

use std::cell::RefCell;

/// Size of one buffer: many TLS records in one system call, and few segments that are not full. Measured with bytes over
/// mTLS: 64 KiB cost 8 % more, and so do 512 KiB, which no longer stay in the processor's cache.
pub(crate) const BUFFER: usize = 256 * 1024;

/// How many buffers a thread keeps for later: 4 MiB at most, and only as many as were in use at once.
const KEPT: usize = 16;

thread_local! {
    // Boxed, so that whoever may hold one is a pointer larger and not more.
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is handed out")]
    static FREE: RefCell<Vec<Box<Buffer>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes on their way, somewhere within [`BUFFER`] bytes.
#[derive(Debug)]
pub(crate) struct Buffer {
    room: Box<[u8]>,
    start: usize,
    end: usize,
}

/// Takes an empty buffer.
pub(crate) fn take() -> Box<Buffer> {
    let kept = FREE.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| {
        Box::new(Buffer {
            room: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        })
    })
}

/// Gives a buffer back, whatever is in it.
pub(crate) fn give_back(mut buffer: Box<Buffer>) {
    (buffer.start, buffer.end) = (0, 0);
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
}

impl Buffer {
    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
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

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|buffer| buffer.is_empty())
    }

    /// Whether nothing more fits behind what is there.
    pub(crate) fn is_full(&self) -> bool {
        let buffer = self.0.as_ref();
        buffer.is_some_and(|buffer| buffer.end == buffer.room.len())
    }

    /// Room behind what is there; takes a buffer if there is none yet.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        self.0.get_or_insert_with(take).spare()
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
        ahead.spare()[..5].copy_from_slice(b"hello");
        ahead.filled(5);
        ahead.consume(2);
        assert_eq!(ahead.bytes(), b"llo");
        ahead.spare()[..1].copy_from_slice(b"!");
        ahead.filled(1);
        assert_eq!(ahead.bytes(), b"llo!");
        ahead.consume(4);
        assert!(ahead.0.is_none());
        assert_eq!(take().spare().len(), BUFFER);
    }
}
