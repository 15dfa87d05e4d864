package cuda

// OpenOn opens a device of a driver that a test has loaded.
var OpenOn = openOn
