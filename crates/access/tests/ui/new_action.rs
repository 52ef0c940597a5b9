use holdfast_access::{Permission, RepositoryAction};

enum Harmless {}

impl RepositoryAction for Harmless {
    const PERMISSION: Permission = Permission::Delete;
}

fn main() {}
