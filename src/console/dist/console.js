// The console's pages.
