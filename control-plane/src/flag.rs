//! A flag that many tasks wait for: it turns true once, as "ready" and "drain" do.

use tokio::sync::watch;

/// The waiting side of a flag.
pub type Flag = watch::Receiver<bool>;

/// Returns when the flag is true, or when whoever could raise it is gone.
pub(crate) async fn raised(flag: &mut Flag) {
    // An error means that the sender is gone, which ends the wait just as well.
    let _sender_gone = flag.wait_for(|raised| *raised).await.is_err();
}
