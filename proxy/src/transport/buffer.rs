//! Read buffers: taken from a free list of the thread while they hold bytes, back as soon as they are empty, so that
//! idle connections hold none.

use std::cell::RefCell;

/// Size of one buffer: several TLS records in one system call.
pub(crate) const BUFFER: usize = 64 * 1024;

/// How many buffers a thread keeps for later.
const KEPT: usize = 32;

thread_local! {
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Takes a buffer of [`BUFFER`] bytes whose contents are arbitrary.
pub(crate) fn take() -> Box<[u8]> {
    FREE.with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice())
}

/// Gives a buffer back.
pub(crate) fn give_back(buffer: Box<[u8]>) {
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
}

/// Bytes read and not yet asked for.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead {
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl ReadAhead {
    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer
            .as_ref()
            .map_or(&[], |buffer| &buffer[self.start..self.end])
    }

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether nothing more fits behind what is there.
    pub(crate) fn is_full(&self) -> bool {
        self.end == BUFFER
    }

    /// Room behind what is there; takes a buffer if there is none yet.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        let end = self.end;
        &mut self.buffer.get_or_insert_with(take)[end..]
    }

    /// Says that `count` bytes of the spare room were filled.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end += count;
        self.release_if_empty();
    }

    /// Says that the first `count` bytes were used; the buffer goes back with the last of them.
    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
        self.release_if_empty();
    }

    /// Gives an empty buffer back.
    pub(crate) fn release_if_empty(&mut self) {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
            if let Some(buffer) = self.buffer.take() {
                give_back(buffer);
            }
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
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
        assert!(ahead.buffer.is_none());
    }
}
