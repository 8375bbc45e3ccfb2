//! Tickets of a class that the reference does not know, judged by a rule of
//! this program where our nodes ask a program of their user.

use chrono::DateTime;
use mosaik::Digest;
use mosaik::discovery::PeerEntry;
use mosaik::tickets::{Expiration, InvalidTicket, TicketClass, TicketValidator};
use serde::Deserialize;

/// A validator file of class `exec`. Its command and timeout are for our
/// nodes; here a ticket is the text `PEERID:UNTIL`, good for that peer up to
/// then, in Unix seconds or `never`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Custom {
    name: String,
    signature: String,
}

impl TicketValidator for Custom {
    fn class(&self) -> TicketClass {
        Digest::from(self.name.as_str())
    }

    fn signature(&self) -> Digest {
        Digest::from(self.signature.as_str())
    }

    fn validate(&self, ticket: &[u8], peer: &PeerEntry) -> Result<Expiration, InvalidTicket> {
        let text = std::str::from_utf8(ticket).map_err(|_| InvalidTicket)?;
        let (name, until) = text.split_once(':').ok_or(InvalidTicket)?;
        if name != peer.id().to_string() {
            return Err(InvalidTicket);
        }
        if until == "never" {
            return Ok(Expiration::Never);
        }
        let until_s = until.parse().map_err(|_| InvalidTicket)?;
        let moment = DateTime::from_timestamp(until_s, 0).ok_or(InvalidTicket)?;
        let expires = Expiration::At(moment);
        if expires.is_expired() { Err(InvalidTicket) } else { Ok(expires) }
    }
}
