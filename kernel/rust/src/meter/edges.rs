//! Requests between services: the span of the client and that of the server, paired by trace and span id.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::series::{Table, PLAIN};
use super::stage::{Half, Noted};
use super::{put_part, Pairing, Virtual};

/// One side of a request: its service and what else tells series apart, as they stand in a key.
struct Side {
    texts: Box<[u8]>,
    duration: u64,
}

/// A request of which one side is known.
struct Edge {
    serial: u64,
    client: Option<Side>,
    server: Option<Side>,
    /// The client's: who may have answered.
    peer: Box<[u8]>,
    failed: bool,
    messaging: bool,
}

/// Of the client's span: trace and span id.
type Id = ([u8; 16], [u8; 8]);

/// Requests that wait for their other side.
#[derive(Default)]
pub struct Store {
    map: HashMap<Id, Edge, RandomState>,
    /// In the order in which they came; those that are complete are gone from the map.
    queue: VecDeque<(i64, Id, u64)>,
    serial: u64,
    /// Requests that were begun, that never saw their other side, and sides for which there was no room.
    pub edges: u64,
    pub expired: u64,
    pub dropped: u64,
}

impl Store {
    pub fn waiting(&self) -> usize {
        self.map.len()
    }

    /// Lets go of requests that have waited for their other side long enough.
    pub fn expire(&mut self, pairing: &Pairing, table: &mut Table, now: i64) {
        while self.queue.front().is_some_and(|&(since, ..)| since <= now.saturating_sub(pairing.ttl)) {
            let Some((_, id, serial)) = self.queue.pop_front() else { return };
            if self.map.get(&id).is_some_and(|edge| edge.serial == serial) {
                if let Some(edge) = self.map.remove(&id) {
                    self.expired += 1;
                    alone(pairing, table, &edge, now);
                }
            }
        }
    }

    pub fn add(&mut self, pairing: &Pairing, table: &mut Table, noted: &Noted, half: &Half, now: i64) {
        let side = Side { texts: noted.key(half.texts).into(), duration: half.duration };
        if let Some(database) = half.database {
            self.edges += 1;
            return answered_by_database(pairing, table, &side, noted.key(database), half.failed, now);
        }
        if !half.client && half.span_id == [0; 8] {
            self.edges += 1;
            self.expired += 1;
            let (client, peer, messaging) = (None, Box::default(), half.messaging);
            let edge = Edge { serial: 0, client, server: Some(side), peer, failed: half.failed, messaging };
            return from_outside(pairing, table, &edge, now);
        }
        let id = (half.trace_id, half.span_id);
        if !self.map.contains_key(&id) {
            if self.map.len() >= pairing.items {
                self.dropped += 1;
                return;
            }
            self.begin(id, now);
        }
        let Some(edge) = self.map.get_mut(&id) else { return };
        edge.failed |= half.failed;
        edge.messaging |= half.messaging;
        if half.client {
            edge.client = Some(side);
            edge.peer = noted.key(half.peer).into();
        } else {
            edge.server = Some(side);
        }
        if edge.client.is_some() && edge.server.is_some() {
            if let Some(edge) = self.map.remove(&id) {
                both(pairing, table, &edge, now);
            }
        }
    }

    fn begin(&mut self, id: Id, now: i64) {
        self.edges += 1;
        self.serial += 1;
        let (serial, peer) = (self.serial, Box::default());
        self.map.insert(id, Edge { serial, client: None, server: None, peer, failed: false, messaging: false });
        self.queue.push_back((now, id, serial));
        // What is complete must not make the queue grow beyond what waits.
        if self.queue.len() > 2 * self.map.len() + 64 {
            let map = &self.map;
            self.queue.retain(|(_, id, serial)| map.get(id).is_some_and(|edge| edge.serial == *serial));
        }
    }
}

/// A request as it is counted.
struct Counted<'a> {
    client: &'a [u8],
    server: &'a [u8],
    connection: &'a [u8],
    failed: bool,
    virtual_node: Option<&'a [u8]>,
    /// What else tells the sides apart.
    rest: [&'a [u8]; 2],
    /// Of the server and the client.
    durations: [Option<u64>; 2],
}

impl Counted<'_> {
    fn count(&self, pairing: &Pairing, table: &mut Table, now: i64) {
        let mut key = vec![PLAIN];
        key.extend_from_slice(self.client);
        key.extend_from_slice(self.server);
        put_part(&mut key, Some(self.connection));
        put_part(&mut key, Some(if self.failed { b"true" } else { b"false" }));
        put_part(&mut key, self.virtual_node.filter(|_| pairing.virtual_nodes == Virtual::Labelled));
        for side in self.rest {
            if side.is_empty() {
                key.extend(std::iter::repeat_n(0, pairing.by));
            }
            key.extend_from_slice(side);
        }
        table.count_key(&key, &self.durations, now);
    }
}

/// A side's service, and the other texts.
fn split(texts: &[u8]) -> (&[u8], &[u8]) {
    let size = texts.get(1..3).and_then(|size| size.try_into().ok()).map_or(0, u16::from_le_bytes);
    let there = texts.first() == Some(&1);
    texts.split_at_checked(if there { 3 + usize::from(size) } else { 1 }).unwrap_or((texts, &[]))
}

fn connection(messaging: bool) -> &'static [u8] {
    if messaging {
        b"messaging_system"
    } else {
        b""
    }
}

fn both(pairing: &Pairing, table: &mut Table, edge: &Edge, now: i64) {
    let (Some(client), Some(server)) = (&edge.client, &edge.server) else { return };
    let ((client_name, client_rest), (server_name, server_rest)) = (split(&client.texts), split(&server.texts));
    Counted {
        client: client_name,
        server: server_name,
        connection: connection(edge.messaging),
        failed: edge.failed,
        virtual_node: None,
        rest: [client_rest, server_rest],
        durations: [Some(server.duration), Some(client.duration)],
    }
    .count(pairing, table, now);
}

fn answered_by_database(pairing: &Pairing, table: &mut Table, side: &Side, database: &[u8], failed: bool, now: i64) {
    let (client, rest) = split(&side.texts);
    let durations = [Some(side.duration); 2];
    let (connection, virtual_node) = (&b"database"[..], None);
    Counted { client, server: database, connection, failed, virtual_node, rest: [rest, &[]], durations }
        .count(pairing, table, now);
}

/// Counts a request whose other side was never seen, where that is wanted.
fn alone(pairing: &Pairing, table: &mut Table, edge: &Edge, now: i64) {
    let Some(client) = edge.client.as_ref().filter(|_| pairing.virtual_nodes != Virtual::None) else { return };
    let (name, rest) = split(&client.texts);
    let (connection, virtual_node) = (&b"virtual_node"[..], Some(&b"server"[..]));
    let (failed, durations) = (edge.failed, [None, Some(client.duration)]);
    Counted { client: name, server: &edge.peer, connection, failed, virtual_node, rest: [rest, &[]], durations }
        .count(pairing, table, now);
}

/// Counts a request that somebody made who is not traced, where that is wanted.
fn from_outside(pairing: &Pairing, table: &mut Table, edge: &Edge, now: i64) {
    let Some(server) = edge.server.as_ref().filter(|_| pairing.virtual_nodes != Virtual::None) else { return };
    let (name, rest) = split(&server.texts);
    let mut user = Vec::new();
    put_part(&mut user, Some(b"user"));
    let (connection, virtual_node) = (&b"virtual_node"[..], Some(&b"client"[..]));
    let (failed, durations) = (edge.failed, [Some(server.duration), None]);
    Counted { client: &user, server: name, connection, failed, virtual_node, rest: [&[], rest], durations }
        .count(pairing, table, now);
}
