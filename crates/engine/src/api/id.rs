//! Names of calls, legs and the other objects of a call. Each is unique within one engine, for the engine's lifetime.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub struct $name(pub(crate) u64);

        impl $name {
            /// The number, for logs and for state kept outside.
            #[must_use]
            pub const fn as_u64(self) -> u64 {
                self.0
            }

            /// The object of that number, for state kept outside.
            #[must_use]
            pub const fn from_u64(id: u64) -> Self {
                Self(id)
            }
        }

        /// The number.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Names a call.
    CallId
}
id! {
    /// Names a leg. It keeps its name when it moves to another call.
    LegId
}
id! {
    /// Names a mix of a call.
    MixId
}
id! {
    /// Names a conference room of a call.
    RoomId
}
id! {
    /// Names a player of a call.
    PlayerId
}
id! {
    /// Names a stream from outside of a call.
    StreamId
}
id! {
    /// Names a tap of a call.
    TapId
}
