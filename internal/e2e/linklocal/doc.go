// Package linklocal tries the link-local providers on a real network stack: 169.254.169.254 and its kin are addresses in network
// namespaces that the tests make, packets are really dropped, and a hop limit of 1 really runs out at a router in between. The AWS
// SDK's own providers are asked the same questions, and the times of both are printed side by side. Somebody else's metadata
// service (amazon-ec2-metadata-mock) is asked as well as the library's fakes.
//
// The tests need Linux, root and iproute2, and are skipped, saying why, without. They leave nothing behind.
package linklocal
