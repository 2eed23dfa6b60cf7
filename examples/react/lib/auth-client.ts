// Better Auth's own client, told where Signet is. In Next.js the address comes from process.env.NEXT_PUBLIC_SIGNET_URL.
import { jwtClient } from "better-auth/client/plugins";
import { createAuthClient } from "better-auth/react";

export const signet: string = import.meta.env.VITE_SIGNET_URL ?? "http://localhost:8080";

export const authClient = createAuthClient({ baseURL: signet, plugins: [jwtClient()] });
