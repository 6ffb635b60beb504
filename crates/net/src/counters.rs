//! What a backend counted: every datagram that came or went, and every one that did not, by reason.

/// Totals since the backend was made. A copy, cheap enough for every statistics round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams handed to the worker.
    pub received: u64,
    /// Datagrams that the kernel took for sending.
    pub sent: u64,
    /// Packets that the backend forwarded by itself ([`PacketIo::forward`](crate::PacketIo::forward)); neither among those
    /// received nor among those sent. Of rules at work as of when each was last looked at, a second ago at most.
    pub forwarded: u64,
    /// Received datagrams dropped because they exceed what any buffer may hold, or came from no address.
    pub truncated: u64,
    /// Received datagrams dropped because they need a large buffer and all of those were in use.
    pub no_large_buffer: u64,
    /// Frames dropped that are no whole datagram to a served port (AF_XDP): wrong checksums, above all, and what was under way
    /// to a port as it was closed.
    pub bad_frames: u64,
    /// Receive calls that failed, pending ICMP errors (`ECONNREFUSED`) included.
    pub receive_errors: u64,
    /// Datagrams not sent, for whatever reason: the sum of the next six.
    pub send_errors: u64,
    /// Not sent because the socket's send buffer or the device queue was full (`EAGAIN`, `ENOBUFS`).
    pub would_block: u64,
    /// Not sent because an ICMP message said that nobody listens there (`ECONNREFUSED`).
    pub refused: u64,
    /// Not sent because there is no way there (`ENETUNREACH`, `EHOSTUNREACH`, `EAFNOSUPPORT`, `EINVAL`).
    pub unreachable: u64,
    /// Not sent because the port is not attached.
    pub no_port: u64,
    /// Not sent because it is longer than what can be sent there (`EMSGSIZE`).
    pub too_long: u64,
    /// Not sent for another reason (`EPERM` of a packet filter, …).
    pub send_other: u64,
    /// Times the pool had no buffer to receive into; the datagrams stayed in the kernel.
    pub pool_empty: u64,
    /// Waits that ended, that is: rounds of the worker.
    pub waits: u64,
    /// Wake-ups whose receive budget was spent while ports were still ready.
    pub budget_spent: u64,
    /// System calls made to receive.
    pub receive_calls: u64,
    /// System calls made to send.
    pub send_calls: u64,
}

impl Counters {
    /// Books one datagram that could not be sent.
    pub(crate) fn send_failed(&mut self, error: i32) {
        self.send_errors += 1;
        match error {
            libc::EAGAIN | libc::ENOBUFS => self.would_block += 1,
            libc::ECONNREFUSED => self.refused += 1,
            libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EAFNOSUPPORT | libc::EINVAL => {
                self.unreachable += 1;
            }
            libc::EMSGSIZE => self.too_long += 1,
            _ => self.send_other += 1,
        }
    }

    /// Books one datagram whose port is not attached.
    pub(crate) fn send_without_port(&mut self) {
        self.send_errors += 1;
        self.no_port += 1;
    }
}

impl std::ops::Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            sent: self.sent + other.sent,
            forwarded: self.forwarded + other.forwarded,
            truncated: self.truncated + other.truncated,
            no_large_buffer: self.no_large_buffer + other.no_large_buffer,
            bad_frames: self.bad_frames + other.bad_frames,
            receive_errors: self.receive_errors + other.receive_errors,
            send_errors: self.send_errors + other.send_errors,
            would_block: self.would_block + other.would_block,
            refused: self.refused + other.refused,
            unreachable: self.unreachable + other.unreachable,
            no_port: self.no_port + other.no_port,
            too_long: self.too_long + other.too_long,
            send_other: self.send_other + other.send_other,
            pool_empty: self.pool_empty + other.pool_empty,
            waits: self.waits + other.waits,
            budget_spent: self.budget_spent + other.budget_spent,
            receive_calls: self.receive_calls + other.receive_calls,
            send_calls: self.send_calls + other.send_calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_to_send_has_one_reason() {
        let mut counters = Counters::default();
        let errors = [
            libc::EAGAIN,
            libc::ENOBUFS,
            libc::ECONNREFUSED,
            libc::ENETUNREACH,
            libc::EHOSTUNREACH,
            libc::EAFNOSUPPORT,
            libc::EINVAL,
            libc::EPERM,
            libc::EMSGSIZE,
            0,
        ];
        errors.into_iter().for_each(|error| counters.send_failed(error));
        counters.send_without_port();
        assert_eq!((counters.would_block, counters.refused, counters.unreachable), (2, 1, 4));
        assert_eq!((counters.no_port, counters.too_long), (1, 1));
        assert_eq!((counters.send_other, counters.send_errors), (2, 11));
    }
}
