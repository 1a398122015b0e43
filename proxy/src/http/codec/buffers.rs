//! Buffers of one worker: taken when a socket is ready, given back when they are empty, so that an idle connection
//! holds none.

use std::cell::RefCell;
use std::rc::Rc;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16 * 1024;

/// Blocks that are kept for the next taker: 1 MiB at most.
const KEPT: usize = 64;

/// A worker's free buffers; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    free: Rc<RefCell<Vec<Vec<u8>>>>,
}

impl Buffers {
    /// No buffer yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `BLOCK` initialised bytes.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.free
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| vec![0; BLOCK])
    }

    /// Gives a buffer back; those that have grown are dropped.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        let mut free = self.free.borrow_mut();
        if buffer.capacity() < BLOCK || buffer.capacity() > 2 * BLOCK || free.len() == KEPT {
            return;
        }
        // Only bytes that writers truncated away are written again.
        buffer.resize(BLOCK, 0);
        free.push(buffer);
    }
}
