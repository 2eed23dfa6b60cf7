// The page for those who followed a link to nothing.

import { greet } from "../ui/header.js";

greet();
