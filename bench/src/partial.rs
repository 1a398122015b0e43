//! Joins what one read brought too little of with what the next brings.

/// Bytes of a message that has not come completely.
#[derive(Debug, Default)]
pub(crate) struct Partial(Vec<u8>);

impl Partial {
    /// Hands `consume` all unread bytes; it returns how many it has taken, and sees the others again.
    pub(crate) fn feed<E>(
        &mut self,
        input: &[u8],
        consume: impl FnOnce(&[u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        if self.0.is_empty() {
            let taken = consume(input)?;
            self.0.extend_from_slice(&input[taken..]);
        } else {
            self.0.extend_from_slice(input);
            let taken = consume(&self.0)?;
            self.0.drain(..taken);
        }
        Ok(())
    }
}
