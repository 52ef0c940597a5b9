//! What a metadata store must do, one claim a function.
