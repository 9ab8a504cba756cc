//! OT of messages of 128 bits that the sender chooses.
//!
//! \\[ y_{i,b} = m_{i,b} \oplus r_{i,b}, \qquad m_{i,c_i} = y_{i,c_i} \oplus r_{i,c_i} \qquad (1) \\]
//!
//! over the pads of a random OT. One more message after those of the rows, of
//! 32 bytes for each i.

use super::{
    Receiver, Sender,
    random::{self, Pads},
};
use crate::{Mesh, Result};

/// Bytes that the sender sends on top of the rows.
pub const fn bytes(n: usize) -> usize {
    32 * n
}

/// Sends one message of each pair.
pub fn send(sender: &mut impl Sender, mesh: &mut Mesh, messages: &[[u128; 2]]) -> Result<()> {
    let mut y = random::send_chosen(sender, mesh, messages.len())?;
    for (y, m) in y.iter_mut().zip(messages) {
        *y = [y[0] ^ m[0], y[1] ^ m[1]];
    }
    mesh.send_bulk(sender.peer(), y.as_flattened())
}

/// The messages that these packed bits choose.
pub fn receive(
    receiver: &mut impl Receiver,
    mesh: &mut Mesh,
    choices: &[u64],
    n: usize,
) -> Result<Pads<u128>> {
    let mut messages = random::receive_chosen(receiver, mesh, choices, n)?;
    let mut y = vec![[0u128; 2]; n];
    mesh.recv_bulk(receiver.peer(), y.as_flattened_mut())?;
    for (i, (m, y)) in messages.iter_mut().zip(&y).enumerate() {
        let mask = 0u128.wrapping_sub(u128::from(choices[i / 64] >> (i % 64) & 1));
        *m ^= y[0] ^ ((y[0] ^ y[1]) & mask);
    }
    Ok(messages)
}
