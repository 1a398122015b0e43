//! Buffers of one worker: taken when a socket is ready, given back when they are empty, so that an idle connection
//! holds none.

use std::rc::Rc;

use crate::http::free_list::FreeList;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16 * 1024;

/// A worker's free buffers; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Rc<Free>);

/// Blocks are full of arbitrary bytes and queues are empty: handing one out as the other would mean writing all of it. As many
/// are kept as are in use at once: a block that is made anew is written with zeros first.
#[derive(Debug, Default)]
struct Free {
    blocks: FreeList<Vec<u8>>,
    queues: FreeList<Vec<u8>>,
}

impl Buffers {
    /// No buffer yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of [`BLOCK`] bytes to read into; what is in it is arbitrary.
    pub(crate) fn take_block(&self) -> Vec<u8> {
        self.0.blocks.take().unwrap_or_else(|| vec![0; BLOCK])
    }

    /// Gives a block back; one that has grown is dropped.
    pub(crate) fn give_block(&self, block: Vec<u8>) {
        if block.len() == BLOCK {
            self.0.blocks.give(block);
        }
    }

    /// An empty buffer with room for [`BLOCK`] bytes to append to.
    pub(crate) fn take_queue(&self) -> Vec<u8> {
        let kept = self.0.queues.take();
        kept.unwrap_or_else(|| Vec::with_capacity(BLOCK))
    }

    /// Gives a queue back, whatever is in it; one that has grown is dropped.
    pub(crate) fn give_queue(&self, mut queue: Vec<u8>) {
        if (BLOCK..=2 * BLOCK).contains(&queue.capacity()) {
            queue.clear();
            self.0.queues.give(queue);
        }
    }

    /// Lets go of buffers that nobody has needed of late.
    pub(crate) fn sweep(&self) {
        self.0.blocks.sweep();
        self.0.queues.sweep();
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
