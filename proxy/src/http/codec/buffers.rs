//! Buffers of one worker: taken when a socket is ready, given back when they are empty, so that an idle connection
//! holds none.

use std::cell::RefCell;
use std::rc::Rc;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16 * 1024;

/// Buffers of each kind that are kept for the next taker: 1 MiB at most.
const KEPT: usize = 64;

/// A worker's free buffers; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Rc<Free>);

/// Blocks are full of arbitrary bytes and queues are empty: handing one out as the other would mean writing all of it.
#[derive(Debug, Default)]
struct Free {
    blocks: RefCell<Vec<Vec<u8>>>,
    queues: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// No buffer yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of [`BLOCK`] bytes to read into; what is in it is arbitrary.
    pub(crate) fn take_block(&self) -> Vec<u8> {
        let kept = self.0.blocks.borrow_mut().pop();
        kept.unwrap_or_else(|| vec![0; BLOCK])
    }

    /// Gives a block back; one that has grown is dropped.
    pub(crate) fn give_block(&self, block: Vec<u8>) {
        let mut blocks = self.0.blocks.borrow_mut();
        if block.len() == BLOCK && blocks.len() < KEPT {
            blocks.push(block);
        }
    }

    /// An empty buffer with room for [`BLOCK`] bytes to append to.
    pub(crate) fn take_queue(&self) -> Vec<u8> {
        let kept = self.0.queues.borrow_mut().pop();
        kept.unwrap_or_else(|| Vec::with_capacity(BLOCK))
    }

    /// Gives a queue back, whatever is in it; one that has grown is dropped.
    pub(crate) fn give_queue(&self, mut queue: Vec<u8>) {
        let mut queues = self.0.queues.borrow_mut();
        if (BLOCK..=2 * BLOCK).contains(&queue.capacity()) && queues.len() < KEPT {
            queue.clear();
            queues.push(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_taken_again_unless_it_has_grown() {
        let buffers = Buffers::new();
        let (block, mut queue) = (buffers.take_block(), buffers.take_queue());
        let (block_at, queue_at) = (block.as_ptr(), queue.as_ptr());
        queue.push(1);
        buffers.give_block(block);
        buffers.give_queue(queue);
        let (block, queue) = (buffers.take_block(), buffers.take_queue());
        assert_eq!((block.as_ptr(), queue.as_ptr()), (block_at, queue_at));
        assert_eq!((block.len(), queue.len()), (BLOCK, 0));
        buffers.give_block(vec![0; 4 * BLOCK]);
        buffers.give_queue(Vec::with_capacity(4 * BLOCK));
        assert_eq!(buffers.take_block().len(), BLOCK);
        assert_eq!(buffers.take_queue().capacity(), BLOCK);
    }
}
